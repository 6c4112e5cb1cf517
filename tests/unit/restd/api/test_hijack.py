"""The connection under the door: byte-exact exchanges over a real socket."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from restd.api import wire
from restd.api.call import GIVEN, Call, Outcome, Reply, json_reply
from restd.api.hijack import EARLY_LIMIT
from restd.api.table import Route
from restd.errors import Conflict
from restd.model.connection import Borrowed
from tests.unit.restd.api.door import Client, Serving, route, run, serving, until

ONE_READ = 256 << 10  # what asyncio takes from a socket at once
HEAD = b"HTTP/1.1 101 UPGRADED\r\n\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: tcp\r\n"


class Shim:
    """Takes a connection as a shim would: the head goes out on the duplicate, the early bytes are kept."""

    def __init__(self) -> None:
        self.early = b""
        self.upgrade = False
        self.body: dict[str, object] = {}
        self.taken = asyncio.Event()
        self.connection: socket.socket | None = None

    def take(self, borrowed: Borrowed) -> None:
        self.early = borrowed.early
        self.connection = socket.socket(fileno=borrowed.descriptor)
        self.connection.setblocking(False)

    async def attach(self, call: Call) -> Outcome:
        await call.skip_body()
        return await self._give(call)

    async def exec_start(self, call: Call) -> Outcome:
        self.body = await call.object(required=False)
        return await self._give(call)

    async def _give(self, call: Call) -> Outcome:
        connection = await call.connection()
        self.upgrade = connection.upgrade
        self.take(connection.borrow())
        connection.release()
        self.taken.set()
        return GIVEN

    async def read_to_end(self) -> bytes:
        """All that the client sent, early or not."""
        assert self.connection is not None
        data = self.early
        while part := await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.connection, 65536), 5):
            data += part
        return data

    async def write(self, data: bytes) -> None:
        assert self.connection is not None
        await asyncio.get_running_loop().sock_sendall(self.connection, data)

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()

    def routes(self) -> tuple[Route, ...]:
        async def ping(_: Call) -> Outcome:
            return Reply(200, b"OK", wire.TEXT)

        return (
            route("POST", "/containers/{name}/attach", self.attach),
            route("POST", "/exec/{name}/start", self.exec_start),
            route("GET", "/_ping", ping),
            route("POST", "/_ping", ping),
        )


ATTACH = b"POST /v1.50/containers/x/attach?stream=1 HTTP/1.1\r\nHost: d\r\n" + UPGRADE + b"\r\n"
BODY = b'{"Detach":false,"Tty":false}'
EXEC = b"POST /exec/e/start HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)
EXEC_CHUNKED = (
    b"POST /exec/e/start HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    + UPGRADE
    + b"\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
)
STDIN = b"GET / HTTP/1.1\r\n\r\n0\r\n\r\nearly bytes"


async def conversation(shim: Shim, client: Client, packets: list[bytes]) -> None:
    """Send the packets; the shim must get exactly STDIN and `later`, and the client exactly what the shim writes."""
    for packet in packets:
        await client.send(packet)
        await asyncio.sleep(0)
    await asyncio.wait_for(shim.taken.wait(), 5)
    await client.send(b"later")
    client.half_close()
    assert await shim.read_to_end() == STDIN + b"later"
    await shim.write(HEAD + b"out")
    shim.close()
    assert await client.receive() == HEAD + b"out"


@pytest.mark.parametrize("request_bytes", [ATTACH, EXEC, EXEC_CHUNKED], ids=["attach", "exec", "exec-chunked"])
def test_bytes_behind_the_request_in_one_packet_reach_the_shim(request_bytes: bytes) -> None:
    async def scenario() -> None:
        shim = Shim()
        async with serving(*shim.routes()) as door:
            await conversation(shim, door.client(), [request_bytes + STDIN])
            assert shim.upgrade == (UPGRADE in request_bytes)
            assert shim.body in ({}, {"Detach": False, "Tty": False})

    run(scenario)


@pytest.mark.parametrize("request_bytes", [ATTACH, EXEC, EXEC_CHUNKED], ids=["attach", "exec", "exec-chunked"])
def test_no_byte_is_lost_wherever_the_packets_are_cut(request_bytes: bytes) -> None:
    async def scenario() -> None:
        whole = request_bytes + STDIN
        async with serving(*(shim := Shim()).routes()) as door:
            for cut in range(1, len(whole)):
                shim.__init__()  # type: ignore[misc]  # a fresh shim behind the same routes
                await conversation(shim, door.client(), [whole[:cut], whole[cut:]])

    run(scenario)


def test_a_request_that_trickles_in_byte_by_byte_is_taken_over() -> None:
    async def scenario() -> None:
        shim = Shim()
        async with serving(*shim.routes()) as door:
            whole = EXEC_CHUNKED + STDIN
            await conversation(shim, door.client(), [whole[i : i + 1] for i in range(len(whole))])

    run(scenario)


def test_a_half_close_right_behind_the_request_reaches_the_shim_as_the_end_of_input() -> None:
    async def scenario() -> None:
        shim = Shim()
        async with serving(*shim.routes()) as door:
            client = door.client()
            await client.send(ATTACH + STDIN)
            client.half_close()
            await shim.taken.wait()
            assert await shim.read_to_end() == STDIN
            await shim.write(b"all of the output")
            shim.close()
            assert await client.receive() == b"all of the output"

    run(scenario)


def test_a_client_that_closes_at_once_still_delivers_its_input() -> None:
    async def scenario() -> None:
        shim = Shim()
        async with serving(*shim.routes()) as door:
            client = door.client()
            await client.send(ATTACH + STDIN)
            client.close()
            await asyncio.wait_for(shim.taken.wait(), 5)
            assert await shim.read_to_end() == STDIN
            shim.close()

    run(scenario)


@pytest.mark.parametrize("together", [False, True], ids=["one-after-the-other", "pipelined"])
def test_a_connection_that_served_requests_before_is_given_away_whole(together: bool) -> None:
    async def scenario() -> None:
        shim = Shim()
        async with serving(*shim.routes()) as door:
            client = door.client()
            post = b"POST /_ping HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\n{}"
            first = b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n" + post
            if together:
                await client.send(first + ATTACH + STDIN)
            else:
                for packet in (b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n", post):
                    await client.send(packet)
                    assert (await client.reply())[2] == b"OK"
                await client.send(ATTACH + STDIN)
            await asyncio.wait_for(shim.taken.wait(), 5)
            client.half_close()
            assert await shim.read_to_end() == STDIN
            await shim.write(HEAD)
            shim.close()
            assert (await client.receive()).endswith(HEAD)

    run(scenario)


def test_the_connection_outlives_the_release_and_the_daemon() -> None:
    async def scenario() -> None:
        shim = Shim()
        async with serving(*shim.routes()) as door:
            client = door.client()
            await client.send(ATTACH)
            await shim.taken.wait()
            await until(lambda: not door.server.connections, "the server forgets the connection")
            await door.runner.cleanup()
            assert not client.ended()
            await shim.write(b"still here")
            assert await client.receive(count=10) == b"still here"
            shim.close()
            assert await client.receive() == b""

    run(scenario)


def test_what_came_behind_a_refused_request_is_read_as_the_next_one() -> None:
    async def refuse(call: Call) -> Outcome:
        await call.skip_body()
        os.close((await call.connection()).borrow().descriptor)
        raise Conflict("container x is paused, unpause the container before attach")

    async def ping(_: Call) -> Outcome:
        return Reply(200, b"OK", wire.TEXT)

    async def scenario() -> None:
        async with serving(route("POST", "/containers/{name}/attach", refuse), route("GET", "/_ping", ping)) as door:
            client = door.client()
            await client.send(ATTACH + b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n")
            status, headers, body = await client.reply()
            assert (status, headers["content-type"]) == (409, "application/json")
            assert body == b'{"message":"container x is paused, unpause the container before attach"}\n'
            assert (await client.reply())[2] == b"OK"
            await client.send(b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n")
            assert (await client.reply())[2] == b"OK"

    run(scenario)


def test_early_bytes_are_bounded_and_none_is_lost() -> None:
    async def scenario() -> None:
        go = asyncio.Event()
        shim = Shim()
        seen = 0

        async def late(call: Call) -> Outcome:
            await go.wait()
            return await shim.attach(call)

        async with serving(route("POST", "/containers/{name}/attach", late)) as door:
            client = door.client()
            sent = bytes(range(256)) * 16384
            sending = asyncio.create_task(client.send(ATTACH + sent))
            await until(lambda: bool(door.server.connections), "connected")
            protocol = door.server.connections[0]
            await until(lambda: len(protocol._held or b"") >= EARLY_LIMIT, "the limit is reached")  # type: ignore[attr-defined]
            for _ in range(20):
                await asyncio.sleep(0.001)
            seen = len(protocol._held)  # type: ignore[attr-defined]
            assert seen <= EARLY_LIMIT + ONE_READ
            go.set()
            await shim.taken.wait()
            reading = asyncio.create_task(shim.read_to_end())
            await sending
            client.half_close()
            assert await reading == sent
            shim.close()

    run(scenario)


def test_an_ordinary_request_is_answered_though_the_client_half_closed() -> None:
    async def slow(call: Call) -> Outcome:
        for _ in range(3):
            await asyncio.sleep(0)
        return json_reply({"done": True})

    async def scenario() -> None:
        async with serving(route("POST", "/slow", slow)) as door:
            for requests in (1, 2, 3) * 20:
                client = door.client()
                await client.send(b"POST /slow HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n" * requests)
                client.half_close()
                data = await client.receive()
                assert data.count(b'{"done":true}') == requests

    run(scenario)


async def _streaming(serve: Serving, client: Client, running: list[str]) -> None:
    await client.send(b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in await client.receive(b"\r\n\r\n")
    assert running == ["begun"]


def _endless(running: list[str]) -> Route:
    async def endless(call: Call) -> Outcome:
        running.append("begun")
        stream = call.stream(wire.JSON, endless=True)
        try:
            await asyncio.Event().wait()
        finally:
            running.append("ended")
        return stream

    return route("GET", "/events", endless)


@pytest.mark.parametrize("half_close_first", [False, True])
def test_a_stream_ends_when_its_client_leaves(half_close_first: bool) -> None:
    async def scenario() -> None:
        running: list[str] = []
        async with serving(_endless(running)) as door:
            client = door.client()
            await _streaming(door, client, running)
            if half_close_first:
                client.half_close()
                await asyncio.sleep(0.02)
                assert running == ["begun"]
            client.close()
            await until(lambda: running == ["begun", "ended"], "the handler ends")
            await until(lambda: not door.server.connections, "the connection is forgotten")
            assert not door.server.endless

    run(scenario)


def test_streams_end_properly_when_the_daemon_stops() -> None:
    async def scenario() -> None:
        running: list[str] = []
        async with serving(_endless(running)) as door:
            client = door.client()
            await _streaming(door, client, running)
            await asyncio.wait_for(door.runner.cleanup(), 5)
            assert await client.receive() == b"0\r\n\r\n"

    run(scenario)


def test_bytes_that_are_not_http_get_a_json_error_and_the_end() -> None:
    async def scenario() -> None:
        async with serving() as door:
            for garbage in (
                b"\x16\x03\x01\x02\x00\r\n\r\n",
                b"GET\r\n\r\n",
                b"POST / HTTP/1.1\r\nHost: d\r\nA\r\n\r\n",
            ):
                client = door.client()
                await client.send(garbage)
                data = await client.receive()
                assert data.startswith(b"HTTP/1.1 400 ") and b"Content-Type: application/json\r\n" in data
                assert b'{"message":"' in data and b"Traceback" not in data

    run(scenario)


def test_a_head_without_end_is_refused_at_its_limit() -> None:
    async def scenario() -> None:
        async with serving() as door:
            client = door.client()
            sending = asyncio.create_task(client.send(b"GET / HTTP/1.1\r\nX: " + b"x" * (2 << 20)))
            assert (await client.receive(b"\r\n\r\n")).startswith(b"HTTP/1.1 431 ")
            sending.cancel()

    run(scenario)


def test_expect_100_continue_is_answered_before_the_body_is_read() -> None:
    async def take(call: Call) -> Outcome:
        return json_reply(await call.object())

    async def scenario() -> None:
        async with serving(route("POST", "/take", take)) as door:
            client = door.client()
            await client.send(
                b"POST /take HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n"
                b"Content-Length: 7\r\nExpect: 100-continue\r\n\r\n"
            )
            assert await client.receive(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            await client.send(b'{"a":1}')
            assert (await client.reply())[2] == b'{"a":1}\n'

    run(scenario)


def test_a_stream_answers_expect_before_its_own_head() -> None:
    async def take(call: Call) -> Outcome:
        stream = call.stream(wire.JSON)
        async for part in call.chunks():
            await stream.write(part)
        return stream

    async def scenario() -> None:
        async with serving(route("POST", "/images/load", take)) as door:
            client = door.client()
            await client.send(
                b"POST /images/load HTTP/1.1\r\nHost: d\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
            )
            assert (await client.receive(b"chunked")).startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
            await client.send(b"tar")
            assert (await client.receive(b"0\r\n\r\n")).endswith(b"3\r\ntar\r\n0\r\n\r\n")

    run(scenario)


@pytest.mark.parametrize(
    "body", [b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n", b"Transfer-Encoding: chunked\r\n\r\n5\r\nab\r\n\r\n"]
)
def test_a_broken_body_is_told(body: bytes) -> None:
    async def take(call: Call) -> Outcome:
        await call.skip_body()
        return Reply()

    async def scenario() -> None:
        async with serving(route("POST", "/take", take)) as door:
            client = door.client()
            await client.send(b"POST /take HTTP/1.1\r\nHost: d\r\n" + body)
            client.half_close()
            data = await client.receive()
            assert data == b"" or (data.startswith(b"HTTP/1.1 400 ") and b"application/json" in data)

    run(scenario)


@pytest.mark.parametrize("sent", [b"", b"GET /_p", b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"])
def test_a_client_with_nothing_more_to_say_is_let_go(sent: bytes) -> None:
    async def ping(_: Call) -> Outcome:
        return Reply(200, b"OK", wire.TEXT)

    async def scenario() -> None:
        async with serving(route("GET", "/_ping", ping)) as door:
            client = door.client()
            await client.send(sent)
            if sent.endswith(b"\r\n\r\n"):
                await client.reply()
            client.half_close()
            assert await client.receive() == b""
            await until(lambda: not door.server.connections, "the connection is forgotten")

    run(scenario)
