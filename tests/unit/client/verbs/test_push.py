from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.client.fake_engine import FakeEngine


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


def test_the_tag_goes_beside_the_name(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"POST /images/reg:5000/x/push": (200, b'{"status":"Pushed","id":"abc"}\r\n')}) as fake:
        assert fake.run("push", "reg:5000/x:1") == 0
        assert fake.run("push", "-a", "reg:5000/x") == 0
        assert fake.run("push", "-q", "reg:5000/x") == 0
        assert [request.query for request in fake.requests] == ["tag=1", "", "tag=latest"]
        assert "x-registry-auth" in fake.requests[0].headers
    assert capfd.readouterr().out == "abc: Pushed\nabc: Pushed\nreg:5000/x:latest\n"


def test_a_digest_is_not_pushed() -> None:
    with FakeEngine({}) as fake:
        assert fake.run("push", "x@sha256:0") == 1
