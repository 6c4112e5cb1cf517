from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from client import address
from client.errors import ClientError, EngineError, Unreachable
from client.transport import Engine
from tests.unit.client.fake_engine import Answer, FakeEngine, chunked


def engine_for(fake: FakeEngine) -> Engine:
    return Engine(address.parse(f"unix://{fake.path}"))


def test_a_call_sends_json_and_returns_json() -> None:
    with FakeEngine({"POST /x": (200, {"a": 1})}) as fake:
        assert engine_for(fake).call("POST", "/x", {"q": "v"}, {"b": [2]}) == {"a": 1}
        assert fake.lines() == ["POST /x?q=v"]
        assert fake.requests[0].json == {"b": [2]}
        assert fake.requests[0].headers["content-type"] == "application/json"


def test_a_pinned_version_is_in_the_path() -> None:
    with FakeEngine({"GET /v1.41/info": (200, {})}) as fake:
        assert Engine(address.parse(fake.path), "1.41").call("GET", "/info") == {}


@pytest.mark.parametrize(
    ("body", "text"),
    [({"message": "no"}, "no"), (b"plain words\n", "plain words"), (b"", "500 X, with no explanation")],
)
def test_a_refusal_carries_the_engines_message(body: object, text: str) -> None:
    with FakeEngine({"GET /x": (500, body)}) as fake, pytest.raises(EngineError) as caught:
        engine_for(fake).call("GET", "/x")
    assert caught.value.message == text


def test_chunked_bodies_and_lines_are_put_together() -> None:
    with FakeEngine({"GET /x": chunked(b'{"a":', b"1}\n{", b'"b":2}')}) as fake:
        assert list(engine_for(fake).open("GET", "/x").lines()) == [{"a": 1}, {"b": 2}]


def test_a_reply_that_is_cut_off_is_an_error() -> None:
    with (
        FakeEngine({"GET /x": chunked(b"abc", end=False)}) as fake,
        pytest.raises(ClientError, match="before the engine's reply was complete"),
    ):
        engine_for(fake).open("GET", "/x").read()


def test_a_reply_without_a_length_ends_with_the_connection() -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nall of it")

    with FakeEngine({"GET /x": answer}) as fake:
        assert engine_for(fake).open("GET", "/x").read() == b"all of it"


def test_uploads_of_files_have_a_length_and_those_of_pipes_are_chunked(tmp_path: Path) -> None:
    data = os.urandom(200_000)
    (tmp_path / "f").write_bytes(data)
    ok: Answer = (200, None)
    with FakeEngine({"POST /x": [ok, ok]}) as fake:
        with (tmp_path / "f").open("rb") as file:
            engine_for(fake).open("POST", "/x", upload=file.fileno()).close()
        reader, writer = os.pipe()
        os.write(writer, data[:50_000])
        os.close(writer)
        engine_for(fake).open("POST", "/x", upload=reader).close()
        os.close(reader)
        assert fake.requests[0].headers["content-length"] == "200000"
        assert fake.requests[0].body == data
        assert fake.requests[1].body == data[:50_000]


def test_an_engine_that_is_not_there_is_told_with_its_address(tmp_path: Path) -> None:
    path = f"{tmp_path}/s"
    with pytest.raises(Unreachable, match="is isula-restd running"):
        Engine(address.parse(path)).call("GET", "/info")


def test_a_server_of_something_else_is_recognised() -> None:
    with (
        FakeEngine({"GET /x": lambda connection: connection.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")}) as fake,
        pytest.raises(ClientError, match="does not speak HTTP"),
    ):
        engine_for(fake).call("GET", "/x")
