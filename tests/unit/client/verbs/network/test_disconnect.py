from __future__ import annotations

from tests.unit.client.fake_engine import FakeEngine


def test_force_is_passed_on() -> None:
    with FakeEngine({"POST /networks/web/disconnect": (200, None)}) as fake:
        assert fake.run("network", "disconnect", "-f", "web", "c1") == 0
    assert fake.requests[0].json == {"Container": "c1", "Force": True}
