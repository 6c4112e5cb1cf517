from __future__ import annotations

import pytest

from tests.unit.client.fake_engine import FakeEngine


def test_everything_is_sent(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"POST /commit": (201, {"Id": "sha256:0"})}) as fake:
        assert fake.run("commit", "-m", "why", "-a", "me", "-c", "USER x", "box", "reg:5000/app:1") == 0
        query = fake.requests[0].query
        assert "container=box&repo=reg:5000/app&tag=1&author=me&comment=why" in query
        assert query.endswith("pause=1")
        assert fake.run("commit", "--pause=false", "box") == 0
        assert fake.requests[1].query == "container=box&pause=0"
        assert fake.run("commit", "box", "a@sha256:0") == 1
    assert capfd.readouterr().out == "sha256:0\nsha256:0\n"
