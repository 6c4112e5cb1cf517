from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from restd.api.engine import Engine
from restd.api.routes.volumes import VolumeRoutes
from restd.config import Config
from restd.events import Events
from restd.lib.host import Host
from restd.volume.volumes import Volumes
from tests.unit.restd.api.door import run, serving


class Users:
    """Containers of which one has the volume `used`."""

    def volume_users(self, name: str) -> Sequence[str]:
        return ["c" * 64] if name == "used" else []

    def volume_references(self) -> Mapping[str, Sequence[str]]:
        return {"used": ["c" * 64]}


def ask(tmp_path: Path, *requests: tuple[str, str, Any]) -> list[tuple[int, Any]]:
    """The statuses and bodies, one after the other."""
    replies: list[tuple[int, Any]] = []

    async def scenario() -> None:
        events = Events()
        volumes = Volumes(str(tmp_path), events)
        await volumes.open()
        engine = Engine(Config(), Host(), events, cast(Any, None), cast(Any, Users()), cast(Any, None), volumes)
        async with serving(*VolumeRoutes(engine).routes()) as door:
            client = door.client()
            for method, path, body in requests:
                data = b"" if body is None else json.dumps(body).encode()
                fields = f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
                await client.send(f"{method} {path} HTTP/1.1\r\nHost: d\r\n{fields}\r\n".encode() + data)
                status, _, text = await client.reply()
                replies.append((status, json.loads(text) if text else None))
        await volumes.close()

    run(scenario)
    return replies


def test_the_life_of_a_volume(tmp_path: Path) -> None:
    made, again, listed, seen, removed, gone = ask(
        tmp_path,
        ("POST", "/volumes/create", {"Name": "vol", "Labels": {"a": "b"}}),
        ("POST", "/volumes/create", {"Name": "vol"}),
        ("GET", "/volumes", None),
        ("GET", "/volumes/vol", None),
        ("DELETE", "/volumes/vol", None),
        ("GET", "/volumes/vol", None),
    )
    assert made[0] == again[0] == 201 and made[1] == again[1] == seen[1]
    assert listed == (200, {"Volumes": [made[1]], "Warnings": None})
    assert removed == (204, None) and gone == (404, {"message": "get vol: no such volume"})


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "/volumes/create", {"Name": "a/b"}, 400, "includes invalid characters"),
        ("POST", "/volumes/create", {"Driver": "nfs", "Name": "ab"}, 404, 'plugin "nfs" not found'),
        ("GET", "/volumes?filters=%7B%22odd%22%3A%5B%22x%22%5D%7D", None, 400, "invalid filter 'odd'"),
        ("PUT", "/volumes/vol?version=1", {}, 503, "swarm is unavailable"),
        ("DELETE", "/volumes/none", None, 404, "get none: no such volume"),
        ("DELETE", "/volumes/used?force=1", None, 409, "remove used: volume is in use - ["),
        ("POST", "/volumes/prune?filters=%7B%22name%22%3A%5B%22x%22%5D%7D", None, 400, "invalid filter 'name'"),
    ],
)
def test_errors_in_dockers_words(tmp_path: Path, method: str, path: str, body: Any, status: int, words: str) -> None:
    *_, (found, answer) = ask(tmp_path, ("POST", "/volumes/create", {"Name": "used"}), (method, path, body))
    assert found == status and words in answer["message"]


def test_prune_takes_named_ones_before_1_42(tmp_path: Path) -> None:
    make = ("POST", "/volumes/create", {"Name": "named"})
    *_, new, old = ask(tmp_path, make, ("POST", "/volumes/prune", None), ("POST", "/v1.41/volumes/prune", None))
    assert new == (200, {"VolumesDeleted": [], "SpaceReclaimed": 0})
    assert old == (200, {"VolumesDeleted": ["named"], "SpaceReclaimed": 0})


def test_a_missing_volume_may_be_removed_by_force(tmp_path: Path) -> None:
    assert ask(tmp_path, ("DELETE", "/volumes/none?force=true", None)) == [(204, None)]
