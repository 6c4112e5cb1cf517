from __future__ import annotations

import json
from typing import Any

import pytest

from client.verbs.ps import ports, row
from tests.unit.client.fake_engine import FakeEngine

ITEM: dict[str, Any] = {
    "Id": "c" * 64,
    "Names": ["/web", "/other/alias"],
    "Image": "box",
    "ImageID": "sha256:" + "0" * 64,
    "Command": 'sh -c "a rather long one"',
    "Created": 1000,
    "Ports": [],
    "Labels": {"b": "2", "a": "1"},
    "State": "running",
    "Status": "Up 3 minutes",
    "Mounts": [{"Type": "bind", "Source": "/a/rather/long/path"}],
    "NetworkSettings": {"Networks": {"none": {}}},
}


def test_the_columns_are_dockers(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"GET /containers/json": (200, [ITEM])}) as fake:
        assert fake.run("ps", "-a", "--filter", "status=exited", "-n", "3") == 0
        assert fake.requests[0].query.startswith("all=1&limit=3&filters=%7B%22status%22")
    head, line = capfd.readouterr().out.splitlines()
    assert head.split() == ["CONTAINER", "ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    assert line.startswith('cccccccccccc   box       "sh -c \\"a rather lon…"')
    assert line.endswith("Up 3 minutes             web")


def test_ids_alone_and_in_full(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"GET /containers/json": (200, [ITEM])}) as fake:
        assert fake.run("ps", "-q") == 0
        assert fake.run("ps", "-q", "--no-trunc") == 0
    assert capfd.readouterr().out == "c" * 12 + "\n" + "c" * 64 + "\n"


def test_formats(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"GET /containers/json": (200, [ITEM])}) as fake:
        assert fake.run("ps", "--format", '{{.Names}} {{.Label "a"}} {{.Labels}}') == 0
        assert fake.run("ps", "--format", "json") == 0
        assert fake.run("ps", "--format", "table {{.ID}}\\t{{.State}}") == 0
    plain, as_json, *table = capfd.readouterr().out.splitlines()
    assert plain == "web 1 a=1,b=2"
    assert json.loads(as_json)["Mounts"] == "/a/rather/long…"
    assert table == ["CONTAINER ID   STATE", "cccccccccccc   running"]


def test_a_bad_filter_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({}) as fake:
        assert fake.run("ps", "-f", "status") == 1
    assert 'invalid filter "status"' in capfd.readouterr().err


def test_sizes_show_what_a_container_takes() -> None:
    assert row({**ITEM, "SizeRw": 2, "SizeRootFs": 4_260_000}, False, 2000)["Size"] == "2B (virtual 4.26MB)"


def port(private: int, public: int = 0, address: str = "") -> dict[str, Any]:
    mapped = {"PublicPort": public, "IP": address} if address else {}
    return {"PrivatePort": private, "Type": "tcp", **mapped}


def test_ports_are_shown_as_ranges_and_mappings() -> None:
    assert ports([port(81), port(80), port(90)]) == "80-81/tcp, 90/tcp"
    assert ports([port(80, 8080, "0.0.0.0"), port(80, 8080, "::")]) == "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"
    assert ports([port(5000, 5000, "0.0.0.0"), port(5001, 5001, "0.0.0.0")]) == "0.0.0.0:5000-5001->5000-5001/tcp"
