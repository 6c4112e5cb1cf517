from __future__ import annotations

from tests.unit.client.fake_engine import FakeEngine


def test_the_time_is_passed_on() -> None:
    with FakeEngine({"POST /containers/a/restart": (204, None)}) as fake:
        assert fake.run("restart", "-t", "-1", "a") == 0
        assert fake.lines() == ["POST /containers/a/restart?t=-1"]
