from __future__ import annotations

from client.errors import ClientError, EngineError, Quit, UsageError


def test_an_engine_error_reads_as_dockers() -> None:
    error = EngineError(404, "No such container: x")
    assert str(error) == "Error response from daemon: No such container: x"
    assert (error.status, error.code) == (404, 1)


def test_a_wrong_option_ends_with_125_and_other_errors_with_1() -> None:
    assert (UsageError("x").code, ClientError("x").code, Quit(3).code) == (125, 1, 3)
