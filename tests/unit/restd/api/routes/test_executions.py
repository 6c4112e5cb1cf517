from __future__ import annotations

import json
from typing import Any

import pytest

from restd.api.routes.executions import ExecRoutes
from restd.model.container import ExecConfig
from tests.unit.restd.api.door import run, serving
from tests.unit.restd.api.routes.rooms import Rooms, engine


def ask(path: str, body: Any) -> tuple[int, dict[str, str], bytes, list[Any]]:
    rooms, replies = Rooms(), []

    async def scenario() -> None:
        async with serving(*ExecRoutes(engine(rooms)).routes()) as door:
            client = door.client()
            data = b"" if body is None else json.dumps(body).encode()
            fields = f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
            await client.send(f"POST {path} HTTP/1.1\r\nHost: d\r\n{fields}\r\n".encode() + data)
            replies.append(await client.reply())

    run(scenario)
    return *replies[0], rooms.calls


def test_an_exec_is_created() -> None:
    status, _, body, calls = ask("/containers/box/exec", {"Cmd": ["sh"]})
    assert (status, json.loads(body)) == (201, {"Id": "e" * 64})
    assert calls == [("exec_create", "box", ExecConfig(("sh",)))]


def test_a_detached_start_answers_empty() -> None:
    status, headers, body, calls = ask("/exec/e1/start", {"Detach": True, "Tty": True, "ConsoleSize": [2, 3]})
    assert (status, body) == (200, b"")
    assert "content-type" not in headers
    assert calls == [("exec_start", "e1", True, True, (2, 3))]


@pytest.mark.parametrize("body", [{"Detach": 1}, {"ConsoleSize": [1]}, {"Tty": "x"}])
def test_a_bad_start_is_refused(body: Any) -> None:
    status, _, _, calls = ask("/exec/e1/start", body)
    assert (status, calls) == (400, [])


def test_a_resize_is_passed_on() -> None:
    assert ask("/exec/e1/resize?h=5&w=6", None)[3] == [("exec_resize", "e1", 5, 6)]
