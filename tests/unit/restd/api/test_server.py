from __future__ import annotations

import asyncio
import json
import re

import pytest

from restd.api import wire
from restd.api.call import Call, Glance, Outcome, Reply, json_reply
from restd.api.table import Route
from restd.errors import EngineError, NotFound, NotModified
from tests.unit.restd.api.door import route, run, serving


async def fails(_: Call) -> Outcome:
    raise RuntimeError("secret")


async def missing(call: Call) -> Outcome:
    raise NotFound(f"No such container: {call.name}")


async def nothing_new(_: Call) -> Outcome:
    raise NotModified("already started")


async def silent(_: Call) -> Outcome:
    raise EngineError


async def empty(_: Call) -> Outcome:
    return Reply()


async def echo(call: Call) -> Outcome:
    return json_reply(await call.object())


async def breaks(call: Call) -> Outcome:
    stream = call.stream(wire.JSON)
    await stream.write(b"{}\n")
    raise RuntimeError("secret")


async def parts(call: Call) -> Outcome:
    stream = call.stream(wire.JSON)
    for part in (b"one\n", b"", b"two\n"):
        await stream.write(part)
    return stream


async def version(call: Call) -> Outcome:
    return json_reply({"version": list(call.version)})


def instant(glance: Glance) -> Reply | None:
    if glance.query.flag("no"):
        return None
    return Reply(200, b"instant", wire.TEXT)


async def slow(_: Call) -> Outcome:
    return Reply(200, b"slow", wire.TEXT)


ROUTES: tuple[Route, ...] = (
    route("GET", "/fails", fails),
    route("GET", "/containers/{name}/json", missing),
    route("POST", "/same", nothing_new),
    route("GET", "/silent", silent),
    route("POST", "/empty", empty),
    route("POST", "/echo", echo),
    route("GET", "/breaks", breaks),
    route("GET", "/parts", parts),
    route("GET", "/version", version),
    route("GET", "/instant", slow, instant),
    route("HEAD", "/instant", empty),
)

JSON_HEAD = "Content-Type: application/json\r\n"


def ask(request: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    """The reply to one request on a connection of its own."""
    replies: list[tuple[int, dict[str, str], bytes]] = []

    async def scenario() -> None:
        async with serving(*ROUTES) as door:
            client = door.client()
            await client.send(request.encode() + b"\r\n" + body)
            replies.append(await client.reply())

    run(scenario)
    return replies[0]


def line(method: str, path: str, fields: str = "", version: str = "1.1") -> str:
    return f"{method} {path} HTTP/{version}\r\nHost: d\r\n{fields}"


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/nope", 404, "page not found"),
        ("DELETE", "/fails", 404, "page not found"),
        ("PATCH", "/fails", 404, "page not found"),
        ("GET", "/v1.99/nope", 404, "page not found"),
        ("GET", "/containers/x/json", 404, "No such container: x"),
        ("GET", "/v1.41/containers/x/json", 404, "No such container: x"),
        ("GET", "/v1.99/version", 400, "client version 1.99 is too new. Maximum supported API version is 1.50"),
        ("GET", "/fails", 500, "internal error: the daemon's log has the details"),
        ("GET", "/silent", 500, "Internal Server Error"),
    ],
)
def test_errors_are_json_with_an_exact_type(method: str, path: str, status: int, message: str) -> None:
    got, headers, body = ask(line(method, path))
    assert (got, headers["content-type"]) == (status, "application/json")
    assert json.loads(body) == {"message": message}
    assert headers["api-version"] == "1.50"


def test_nothing_of_a_failure_but_a_hint_is_told() -> None:
    assert b"secret" not in ask(line("GET", "/fails"))[2]


def test_not_modified_has_no_body() -> None:
    status, headers, body = ask(line("POST", "/same"))
    assert (status, body) == (304, b"")
    assert "content-length" not in headers


def test_an_empty_answer_has_no_type() -> None:
    status, headers, _ = ask(line("POST", "/empty"))
    assert (status, headers["content-length"]) == (200, "0")
    assert "content-type" not in headers


@pytest.mark.parametrize(
    ("fields", "body", "status"),
    [
        (JSON_HEAD + "Content-Length: 7\r\n", b'{"a":1}', 200),
        (JSON_HEAD + "Transfer-Encoding: chunked\r\n", b'7\r\n{"a":1}\r\n0\r\n\r\n', 200),
        ("Content-Type: text/plain\r\nContent-Length: 7\r\n", b'{"a":1}', 400),
        ("Content-Length: 7\r\n", b'{"a":1}', 400),
        (JSON_HEAD + "Content-Length: 0\r\n", b"", 400),
        (JSON_HEAD + "Content-Length: 9\r\n", b'{"a":1}{}', 400),
        (JSON_HEAD + "Content-Length: 99999999999\r\n", b"{" + b" " * 5_000_000, 413),
    ],
)
def test_json_bodies_are_checked(fields: str, body: bytes, status: int) -> None:
    assert ask(line("POST", "/echo", fields), body)[0] == status


def test_a_stream_is_chunked_and_empty_parts_do_not_end_it() -> None:
    _, headers, body = ask(line("GET", "/parts"))
    assert headers["transfer-encoding"] == "chunked"
    assert body == b"4\r\none\n\r\n4\r\ntwo\n\r\n0\r\n\r\n"


def test_a_stream_that_fails_breaks_off_without_its_last_chunk() -> None:
    async def scenario() -> None:
        async with serving(*ROUTES) as door:
            client = door.client()
            await client.send(line("GET", "/breaks").encode() + b"\r\n")
            data = await client.receive()
            assert data.endswith(b"3\r\n{}\n\r\n")
            assert b"message" not in data

    run(scenario)


def test_http_1_0_gets_its_stream_to_the_end_of_the_connection() -> None:
    async def scenario() -> None:
        async with serving(*ROUTES) as door:
            client = door.client()
            await client.send(line("GET", "/parts", version="1.0").encode() + b"\r\n")
            head, _, body = (await client.receive()).partition(b"\r\n\r\n")
            assert b"chunked" not in head
            assert body == b"one\ntwo\n"

    run(scenario)


def test_connection_close_is_obeyed() -> None:
    async def scenario() -> None:
        async with serving(*ROUTES) as door:
            client = door.client()
            await client.send(line("GET", "/version", "Connection: close\r\n").encode() + b"\r\n")
            assert b"\r\nConnection: close\r\n" in await client.receive()

    run(scenario)


@pytest.mark.parametrize(
    ("path", "fields", "body"),
    [
        ("/instant", "", b"instant"),
        ("/v1.41/instant", "Connection: keep-alive\r\n", b"instant"),
        ("/instant?no=1", "", b"slow"),
        ("/instant", "Content-Length: 0\r\n", b"slow"),
        ("/instant", "Connection: close\r\n", b"slow"),
    ],
)
def test_both_ways_answer_alike(path: str, fields: str, body: bytes) -> None:
    status, headers, got = ask(line("GET", path, fields))
    assert (status, got) == (200, body)
    assert headers["content-type"] == wire.TEXT


def test_pipelined_requests_are_answered_in_order() -> None:
    async def scenario() -> None:
        async with serving(*ROUTES) as door:
            client = door.client()
            one, other = line("GET", "/instant").encode(), line("GET", "/version").encode()
            await client.send((one + b"\r\n" + other + b"\r\n") * 50 + line("GET", "/last").encode() + b"\r\n")
            data = await client.receive(b"page not found")
            bodies = re.findall(rb"slow|\"version\":", data)
            assert bodies == [b"slow", b'"version":'] * 50

    run(scenario)


def test_a_request_cut_short_ends_quietly() -> None:
    async def scenario() -> None:
        async with serving(*ROUTES) as door:
            client = door.client()
            await client.send(line("POST", "/echo", JSON_HEAD + "Content-Length: 50\r\n").encode() + b'\r\n{"a":')
            await asyncio.sleep(0.01)
            client.half_close()
            assert await client.receive() == b""

    run(scenario)


@pytest.mark.parametrize("path", ["/version", "/v1.24/version", "http://docker/version"])
def test_the_version_is_that_of_the_path(path: str) -> None:
    body = json.loads(ask(line("GET", path))[2])
    assert body == {"version": [1, 24] if "1.24" in path else [1, 50]}


def test_a_name_may_be_percent_encoded() -> None:
    assert json.loads(ask(line("GET", "/containers/a%3Ab/json"))[2]) == {"message": "No such container: a:b"}
