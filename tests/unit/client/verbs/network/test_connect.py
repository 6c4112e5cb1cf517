from __future__ import annotations

from tests.unit.client.fake_engine import FakeEngine


def test_the_place_is_as_asked() -> None:
    with FakeEngine({"POST /networks/web/connect": (200, None)}) as fake:
        assert fake.run("network", "connect", "--ip", "10.1.0.9", "--alias", "db", "--link", "c2:x", "web", "c1") == 0
        assert fake.run("network", "connect", "web", "c1") == 0
    first, second = (request.json for request in fake.requests)
    assert first == {
        "Container": "c1",
        "EndpointConfig": {"IPAMConfig": {"IPv4Address": "10.1.0.9"}, "Aliases": ["db"], "Links": ["c2:x"]},
    }
    assert second == {"Container": "c1", "EndpointConfig": {}}
