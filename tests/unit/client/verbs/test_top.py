from __future__ import annotations

import pytest

from tests.unit.client.fake_engine import FakeEngine


def test_processes_are_listed_and_options_go_to_ps(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine(
        {"GET /containers/a/top": (200, {"Titles": ["PID", "CMD"], "Processes": [["1", "sh -i"]]})}
    ) as fake:
        assert fake.run("top", "a", "-o", "pid,cmd") == 0
        assert fake.lines() == ["GET /containers/a/top?ps_args=-o%20pid,cmd"]
    assert capfd.readouterr().out == "PID                 CMD\n1                   sh -i\n"
