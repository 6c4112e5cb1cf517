from __future__ import annotations

import pytest

from tests.unit.client.fake_engine import Answer, FakeEngine, frame, stream

MADE: Answer = (201, {"Id": "e1"})


def test_the_command_runs_and_its_code_is_returned(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine(
        {
            "POST /containers/web/exec": MADE,
            "POST /exec/e1/start": stream(frame(2, b"oops\n")),
            "GET /exec/e1/json": (200, {"Running": False, "ExitCode": 3}),
        }
    ) as fake:
        assert fake.run("exec", "-u", "1", "-w", "/", "-e", "A=1", "web", "sh", "-c", "exit 3") == 3
        body = fake.requests[0].json
    assert body["Cmd"] == ["sh", "-c", "exit 3"]
    assert (body["User"], body["WorkingDir"], body["Env"], body["DetachKeys"]) == ("1", "/", ["A=1"], "ctrl-q")
    assert capfd.readouterr() == ("", "oops\n")


def test_in_the_background_nothing_is_awaited() -> None:
    with FakeEngine({"POST /containers/web/exec": MADE, "POST /exec/e1/start": (200, None)}) as fake:
        assert fake.run("exec", "-d", "web", "true") == 0
        assert fake.requests[1].json == {"Detach": True, "Tty": False}


def test_an_engine_that_refuses_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"POST /containers/web/exec": (409, {"message": "container web is not running"})}) as fake:
        assert fake.run("exec", "web", "true") == 1
    assert capfd.readouterr().err == "Error response from daemon: container web is not running\n"


def test_a_stream_that_ends_while_the_process_runs_is_a_lost_connection(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine(
        {
            "POST /containers/web/exec": MADE,
            "POST /exec/e1/start": stream(b""),
            "GET /exec/e1/json": (200, {"Running": True, "ExitCode": None}),
        }
    ) as fake:
        assert fake.run("exec", "web", "true") == 125
    assert "still runs" in capfd.readouterr().err
