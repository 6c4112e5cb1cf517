from __future__ import annotations

from typing import Any

import pytest

from client.verbs.images import image_rows
from tests.unit.client.fake_engine import FakeEngine

ITEM: dict[str, Any] = {
    "Id": "sha256:" + "d" * 64,
    "RepoTags": ["box:latest", "reg:5000/box:1"],
    "RepoDigests": ["box@sha256:11"],
    "Created": 1000,
    "Size": 4_260_000,
}


def test_each_name_has_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"GET /images/json": (200, [ITEM])}) as fake:
        assert fake.run("images", "box*") == 0
        assert "reference" in fake.requests[0].query
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split() == ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
    assert lines[1].split()[:3] == ["box", "latest", "d" * 12]
    assert lines[2].split()[:2] == ["reg:5000/box", "1"]
    assert lines[1].endswith("4.26MB")


def test_quiet_and_format(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"GET /images/json": (200, [ITEM])}) as fake:
        assert fake.run("images", "-q") == 0
        assert fake.run("images", "--format", "{{.Repository}}:{{.Tag}}") == 0
    assert capfd.readouterr().out == ("d" * 12 + "\n") * 2 + "box:latest\nreg:5000/box:1\n"


def test_an_image_without_a_name_is_shown_as_none() -> None:
    row = image_rows({**ITEM, "RepoTags": None, "RepoDigests": []}, False, False, 2000)[0]
    assert (row["Repository"], row["Tag"]) == ("<none>", "<none>")


def test_digests_stand_beside_their_repository() -> None:
    rows = image_rows(ITEM, True, True, 2000)
    assert [row["Digest"] for row in rows] == ["sha256:11", "<none>"]
    assert rows[0]["ID"] == ITEM["Id"]
