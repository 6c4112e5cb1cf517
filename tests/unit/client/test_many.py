from __future__ import annotations

import pytest

from client.program import run
from tests.unit.client.fake_engine import FakeEngine


def test_the_others_are_done_after_one_fails_and_the_code_is_1(capfd: pytest.CaptureFixture[str]) -> None:
    answers = {
        "POST /containers/a/stop": (204, None),
        "POST /containers/b/stop": (404, {"message": "No such container: b"}),
        "POST /containers/c/stop": (304, None),
    }
    with FakeEngine(dict(answers)) as fake:
        assert fake.run("stop", "a", "b", "..", "c") == 1
    out, err = capfd.readouterr()
    assert out == "a\nc\n"
    assert err == 'Error response from daemon: No such container: b\nisula-rest: invalid container name ".."\n'


def test_an_engine_that_cannot_be_reached_is_told_once(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["-H", "/no/such", "stop", "a", "b"]) == 1
    assert capfd.readouterr().err.count("no engine answers") == 1
