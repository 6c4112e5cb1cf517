from __future__ import annotations

import json
from typing import Any

import pytest

from restd.api.routes.containers import ContainerRoutes
from tests.unit.restd.api.door import run, serving
from tests.unit.restd.api.routes.rooms import Rooms, engine


def ask(method: str, path: str, body: Any = None) -> tuple[int, bytes, list[tuple[Any, ...]]]:
    """Status and body of the reply, and what the room was asked."""
    rooms, replies = Rooms(), []

    async def scenario() -> None:
        async with serving(*ContainerRoutes(engine(rooms)).routes()) as door:
            client = door.client()
            data = b"" if body is None else json.dumps(body).encode()
            fields = f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
            await client.send(f"{method} {path} HTTP/1.1\r\nHost: d\r\n{fields}\r\n".encode() + data)
            replies.append(await client.reply())

    run(scenario)
    return replies[0][0], replies[0][2], rooms.calls


@pytest.mark.parametrize(
    ("method", "path", "status", "asked"),
    [
        ("POST", "/containers/box/start?detachKeys=ctrl-q", 204, ("start", "box", "ctrl-q")),
        ("POST", "/containers/runs/start", 304, ("start", "runs", "")),
        ("POST", "/containers/box/stop", 204, ("stop", "box", None, "")),
        ("POST", "/containers/box/stop?t=-1&signal=INT", 204, ("stop", "box", -1, "INT")),
        ("POST", "/v1.41/containers/box/stop?t=3&signal=INT", 204, ("stop", "box", 3, "")),
        ("POST", "/containers/box/restart?t=0", 204, ("restart", "box", 0, "")),
        ("POST", "/containers/box/kill", 204, ("kill", "box", "")),
        ("POST", "/containers/box/kill?signal=9", 204, ("kill", "box", "9")),
        ("POST", "/containers/box/rename?name=/new", 204, ("rename", "box", "new")),
        ("POST", "/containers/box/resize?h=24&w=80", 200, ("resize", "box", 24, 80)),
        ("DELETE", "/containers/box?force=1&v=True&link=0", 204, ("remove", "box", True, True, False)),
        ("DELETE", "/containers/box", 204, ("remove", "box", False, False, False)),
    ],
)
def test_a_move_is_passed_on(method: str, path: str, status: int, asked: tuple[Any, ...]) -> None:
    got, body, calls = ask(method, path)
    assert (got, body, calls) == (status, b"", [asked])


@pytest.mark.parametrize(
    "path",
    [
        "/containers/box/resize?h=24",
        "/containers/box/resize?h=x&w=1",
        "/containers/box/resize?h=99999999999&w=1",
        "/containers/box/stop?t=99999999999",
        "/containers/box/rename?name=",
    ],
)
def test_bad_parameters_are_refused_before_the_room_is_asked(path: str) -> None:
    status, _, calls = ask("POST", path)
    assert (status, calls) == (400, [])


def test_create_passes_the_request_on_and_answers_with_warnings() -> None:
    status, body, calls = ask("POST", "/containers/create?name=/box&platform=linux/amd64", {"Image": "busybox"})
    assert status == 201
    assert json.loads(body) == {"Id": "c" * 64, "Warnings": ["careful"]}
    assert (calls[0][1].name, calls[0][1].platform, calls[0][1].config.image) == ("box", "linux/amd64", "busybox")


@pytest.mark.parametrize("verb", ["start", "stop", "kill", "restart"])
def test_dockerodes_body_on_a_move_means_nothing(verb: str) -> None:
    assert ask("POST", f"/containers/box/{verb}", {"signal": "INT", "t": 1})[0] == 204
