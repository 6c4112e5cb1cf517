from __future__ import annotations

from tests.unit.client.fake_engine import FakeEngine


def test_the_signal_is_passed_on() -> None:
    with FakeEngine({"POST /containers/a/kill": (204, None)}) as fake:
        assert fake.run("kill", "-s", "HUP", "a") == 0
        assert fake.lines() == ["POST /containers/a/kill?signal=HUP"]
