from __future__ import annotations

import json

import pytest

from tests.unit.client.fake_engine import FakeEngine


def test_networks_are_shown_and_those_missing_told(capfd: pytest.CaptureFixture[str]) -> None:
    answers = {"GET /networks/web": (200, {"Name": "web", "Driver": "bridge"})}
    with FakeEngine({**answers, "GET /networks/nope": (404, {"message": "network nope not found"})}) as fake:
        assert fake.run("network", "inspect", "nope", "web") == 1
        out, err = capfd.readouterr()
        assert json.loads(out) == [{"Name": "web", "Driver": "bridge"}]
        assert "network nope not found" in err
        assert fake.run("network", "inspect", "-f", "{{.Driver}}", "web") == 0
    assert capfd.readouterr().out == "bridge\n"
