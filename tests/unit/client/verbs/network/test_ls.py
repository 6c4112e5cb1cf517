from __future__ import annotations

import pytest

from tests.unit.client.fake_engine import FakeEngine

NETWORKS = [
    {"Name": "web", "Id": "b" * 64, "Driver": "bridge", "Scope": "local", "Labels": {"x": "1"}, "EnableIPv6": True},
    {"Name": "bridge", "Id": "a" * 64, "Driver": "bridge", "Scope": "local", "Labels": {}},
]


def test_networks_are_listed_by_name(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"GET /networks": (200, NETWORKS)}) as fake:
        assert fake.run("network", "ls", "-f", "driver=bridge") == 0
        assert "driver" in fake.requests[0].query
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split() == ["NETWORK", "ID", "NAME", "DRIVER", "SCOPE"]
    assert [line.split() for line in lines[1:]] == [
        ["a" * 12, "bridge", "bridge", "local"],
        ["b" * 12, "web", "bridge", "local"],
    ]


def test_quiet_and_format(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"GET /networks": (200, NETWORKS)}) as fake:
        assert fake.run("network", "ls", "-q", "--no-trunc") == 0
        assert fake.run("network", "ls", "--format", '{{.Name}} {{.IPv6}} {{.Label "x"}}') == 0
        assert fake.run("network", "ls", "--filter", "x") == 1
    assert capfd.readouterr().out == "a" * 64 + "\n" + "b" * 64 + "\nbridge false \nweb true 1\n"
