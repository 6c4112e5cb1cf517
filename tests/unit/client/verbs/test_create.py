from __future__ import annotations

import pytest

from tests.unit.client.fake_engine import FakeEngine


def test_the_container_is_made_but_not_started(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"POST /containers/create": (201, {"Id": "b" * 64})}) as fake:
        assert fake.run("create", "-it", "box", "sh") == 0
        assert fake.requests[0].json["StdinOnce"] is True
        assert len(fake.requests) == 1
    assert capfd.readouterr().out == "b" * 64 + "\n"
