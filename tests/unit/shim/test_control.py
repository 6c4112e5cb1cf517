"""The attach socket: who says nothing is dropped; with a shim behind it: tests/shim/test_streams.py."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from shim import control, protocol
from shim.control import Control, Refused, Request
from tests.unit.shim.sockets import Bench


@pytest.fixture
def served(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Request]]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(control, "REQUEST_SECONDS", 0.05)
    requests: list[Request] = []

    def serve(request: Request) -> None:
        requests.append(request)
        if request.fields.get("op") == "no":
            raise Refused("because")

    made = Control(bench.loop, serve, lambda: None)
    yield requests
    made.close()


def ask(data: bytes) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(5)
    connection.connect(protocol.ATTACH_SOCKET)
    if data:
        connection.send(data)
    return connection


def test_a_request_may_come_in_parts(bench: Bench, served: list[Request]) -> None:
    with ask(b'{"v":1,') as connection:
        bench.turn()
        connection.send(b'"op":"ping"}\n')
        bench.step(lambda: served)
        assert connection.recv(9) == bytes(4)
    assert served[0].fields == {"v": 1, "op": "ping"}


def test_a_refusal_is_minus_one_and_a_line_with_the_reason(bench: Bench, served: list[Request]) -> None:
    with ask(b'{"v":1,"op":"no"}\n') as connection:
        bench.step(lambda: served)
        assert connection.recv(9) == b"\xff" * 4
    assert json.loads(Path(protocol.ATTACH_LOG).read_text())["msg"] == "because"


def test_one_who_connects_and_says_nothing_is_dropped(bench: Bench, served: list[Request]) -> None:
    with ask(b"") as connection:
        bench.step(lambda: Path(protocol.ATTACH_LOG).exists())
        assert connection.recv(9) == b""
    assert not served


def test_three_paths_are_the_original_form(bench: Bench, served: list[Request]) -> None:
    with ask(b"/a - /c"):
        bench.step(lambda: served)
    assert served[0].paths == ["/a", "", "/c"]
