from __future__ import annotations

import json
from typing import Any

import pytest

from restd.api.routes.streams import StreamRoutes
from restd.logs.query import LogQuery
from restd.model.connection import AttachOptions
from tests.unit.restd.api.door import run, serving
from tests.unit.restd.api.routes.rooms import Rooms, engine


def ask(method: str, path: str, fields: str = "") -> tuple[tuple[int, dict[str, str], bytes] | None, list[Any]]:
    """The reply, None if the connection was given away, and what the room was asked."""
    rooms = Rooms()
    replies: list[tuple[int, dict[str, str], bytes] | None] = []

    async def scenario() -> None:
        async with serving(*StreamRoutes(engine(rooms)).routes()) as door:
            client = door.client()
            await client.send(f"{method} {path} HTTP/1.1\r\nHost: d\r\n{fields}\r\n".encode())
            if "attach" in path:
                assert await client.receive() == b""
                replies.append(None)
            else:
                replies.append(await client.reply())

    run(scenario)
    return replies[0], rooms.calls


def test_an_attach_is_given_away_with_its_options() -> None:
    reply, calls = ask(
        "POST",
        "/containers/box/attach?stream=1&stdin=true&stdout=1&stderr=0&detachKeys=ctrl-a",
        "Connection: Upgrade\r\nUpgrade: tcp\r\n",
    )
    assert reply is None
    assert calls == [("attach", "box", AttachOptions(True, True, True, False, False, "ctrl-a"), True)]


@pytest.mark.parametrize(("query", "condition"), [("", "not-running"), ("?condition=removed", "removed")])
def test_a_wait_that_is_over_is_answered(query: str, condition: str) -> None:
    reply, calls = ask("POST", f"/containers/box/wait{query}")
    assert reply is not None and json.loads(reply[2]) == {"StatusCode": 3}
    assert calls == [("wait", "box", condition)]


def test_a_wait_tells_what_went_wrong() -> None:
    reply, _ = ask("POST", "/containers/lost/wait")
    assert reply is not None
    assert json.loads(reply[2]) == {"StatusCode": 255, "Error": {"Message": "nobody saw it"}}


def test_an_unknown_condition_is_refused() -> None:
    reply, calls = ask("POST", "/containers/box/wait?condition=never")
    assert reply is not None and reply[0] == 400
    assert calls == []


@pytest.mark.parametrize(
    ("version", "content_type"),
    [("/v1.41", "application/vnd.docker.raw-stream"), ("", "application/vnd.docker.multiplexed-stream")],
)
def test_logs_have_their_type_by_version_and_their_query_read(version: str, content_type: str) -> None:
    reply, calls = ask("GET", f"{version}/containers/box/logs?stdout=1&follow=0&since=5.5&tail=7&timestamps=1")
    assert reply is not None
    assert reply[1]["content-type"] == content_type
    assert reply[2] == b"a\r\n\x01\0\0\0\0\0\0\x02hi\r\n0\r\n\r\n"
    assert calls == [("logs", "box", LogQuery(stdout=True, since=5_500_000_000, tail=7, timestamps=True))]


def test_logs_of_neither_stream_are_refused() -> None:
    reply, calls = ask("GET", "/containers/box/logs?follow=1")
    assert reply is not None and reply[0] == 400
    assert json.loads(reply[2]) == {"message": "Bad parameters: you must choose at least one stream"}
    assert calls == []
