"""Servers that take their clients over from each other, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
from collections.abc import AsyncIterator

from hypothesis import given, settings
from hypothesis import strategies as st

from restd.api import wire
from restd.api.call import Call, Glance, Outcome, Reply
from restd.api.runner import DockerRunner, DockerServer
from restd.api.server import Door
from restd.api.table import Table
from tests.unit.restd.api.door import Client, route, run, until

NAME = b"GET /name HTTP/1.1\r\nHost: d\r\n\r\n"
POST = b"POST /name HTTP/1.1\r\nHost: d\r\nContent-Length: 3\r\n\r\nabc"
SLOW = b"GET /slow HTTP/1.1\r\nHost: d\r\n\r\n"
FOLLOW = b"GET /follow HTTP/1.1\r\nHost: d\r\n\r\n"
SAVE = b"GET /save HTTP/1.1\r\nHost: d\r\n\r\n"


class Side:
    """One of the two servers; `go` lets its slow answers out."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.go = asyncio.Event()
        door = Door(
            Table(
                [
                    route("GET", "/name", self._name, instant=self._instant),
                    route("POST", "/name", self._name),
                    route("GET", "/slow", self._slow),
                    route("GET", "/follow", self._follow),
                    route("GET", "/save", self._save),
                ]
            )
        )
        self.runner = DockerRunner(lambda: DockerServer(door.respond, door.instant, door.failure))

    def _instant(self, _: Glance) -> Reply:
        return Reply(200, self.name, wire.TEXT)

    async def _name(self, call: Call) -> Outcome:
        await call.skip_body()
        return Reply(200, self.name, wire.TEXT)

    async def _slow(self, call: Call) -> Outcome:
        await self.go.wait()
        return Reply(200, self.name, wire.TEXT)

    async def _follow(self, call: Call) -> Outcome:
        stream = call.stream(wire.JSON, endless=True)
        await stream.write(b"{}\n")
        await asyncio.Event().wait()
        return stream

    async def _save(self, call: Call) -> Outcome:
        stream = call.stream(wire.TAR)
        await stream.write(b"part")
        await asyncio.Event().wait()
        return stream


class Pair:
    """Two servers for one listening socket; the old one serves."""

    def __init__(self, listener: socket.socket, path: str) -> None:
        self.listener, self.path = listener, path
        self.old, self.new = Side(b"old"), Side(b"new")
        self._clients: list[Client] = []

    def client(self) -> Client:
        self._clients.append(Client(self.path))
        return self._clients[-1]

    async def give(self, descriptor: int, data: bytes) -> bool:
        await self.new.runner.adopt(os.dup(descriptor), data)
        return True

    async def hand_over(self) -> None:
        await self.old.runner.hand_over(self.give, 1.0)
        await self.old.runner.cleanup()
        await self.new.runner.listen([self.listener])

    async def close(self) -> None:
        for client in self._clients:
            client.close()
        await self.old.runner.cleanup()
        await self.new.runner.cleanup()


@contextlib.asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    with tempfile.TemporaryDirectory(prefix="runner-") as folder, socket.socket(socket.AF_UNIX) as listener:
        path = f"{folder}/s"
        listener.bind(path)
        listener.listen(256)
        both = Pair(listener, path)
        await both.old.runner.setup()
        await both.new.runner.setup()
        await both.old.runner.listen([listener])
        try:
            yield both
        finally:
            await both.close()


async def ask(client: Client, request: bytes = NAME) -> bytes:
    await client.send(request)
    status, _, body = await client.reply()
    assert status == 200
    return body


def test_idle_silent_and_half_heard_clients_go_over() -> None:
    async def scenario() -> None:
        async with pair() as both:
            kept, silent, half = both.client(), both.client(), both.client()
            assert await ask(kept, POST) == b"old"
            await half.send(POST[:20])
            await until(lambda: len(both.old.runner._ours.clients) == 3, "all are accepted")
            assert await both.old.runner.quiesce(1)
            await both.hand_over()
            await half.send(POST[20:])
            assert (await half.reply())[2] == b"new"
            for client in (kept, silent, half, both.client()):
                assert await ask(client) == b"new"

    run(scenario)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(POST + NAME + POST)), st.booleans())
def test_what_comes_in_the_meantime_is_answered_by_the_next_wherever_it_is_cut(cut: int, late: bool) -> None:
    whole = POST + NAME + POST

    async def scenario() -> None:
        async with pair() as both:
            client = both.client()
            assert await ask(client) == b"old"
            assert await both.old.runner.quiesce(1)
            await client.send(whole[:cut])
            await asyncio.sleep(0.001 if late else 0)
            await both.hand_over()
            await client.send(whole[cut:])
            answers = b""
            while answers.count(b"HTTP/1.1 200 OK") < 3 or not answers.endswith(b"new"):
                answers += await client.receive(count=1)
            assert answers.count(b"\r\n\r\nnew") == 3

    run(scenario)


def test_clients_who_connect_at_the_last_moment_are_not_lost() -> None:
    async def scenario() -> None:
        async with pair() as both:
            for turns in range(8):
                clients = [both.client() for _ in range(20)]
                for client in clients:
                    await client.send(NAME)
                for _ in range(turns):
                    await asyncio.sleep(0)
                await both.old.runner.quiesce(1)
                await both.old.runner.resume()
                for client in clients:
                    assert (await client.reply())[2] == b"old"

    run(scenario)


def test_a_long_request_is_waited_for_while_others_are_served() -> None:
    async def scenario() -> None:
        async with pair() as both:
            slow, other = both.client(), both.client()
            await slow.send(SLOW)
            assert await ask(other) == b"old"
            await until(lambda: bool(both.old.runner._busy()), "the request is in progress")
            assert not await both.old.runner.quiesce(0.01)
            await other.send(NAME)
            await asyncio.sleep(0.01)
            resuming = asyncio.create_task(both.old.runner.resume())
            assert (await other.reply())[2] == b"old"
            assert await ask(both.client()) == b"old"
            assert not resuming.done()
            both.old.go.set()
            assert (await slow.reply())[2] == b"old"
            await resuming
            assert await both.old.runner.quiesce(1)
            await both.hand_over()
            for client in (slow, other):
                assert await ask(client) == b"new"

    run(scenario)


def test_the_request_behind_one_in_progress_is_for_the_next_server() -> None:
    async def scenario() -> None:
        async with pair() as both:
            client = both.client()
            await client.send(SLOW)
            await until(lambda: bool(both.old.runner._busy()), "the request is in progress")
            quiet = asyncio.create_task(both.old.runner.quiesce(5))
            await asyncio.sleep(0.005)
            both.old.go.set()
            assert (await client.reply())[2] == b"old"
            await client.send(NAME)
            assert await quiet
            await both.hand_over()
            assert (await client.reply())[2] == b"new"

    run(scenario)


def test_a_stream_without_end_ends_properly_and_its_connection_goes_over() -> None:
    async def scenario() -> None:
        async with pair() as both:
            client = both.client()
            await client.send(FOLLOW)
            await client.receive(b"{}\n\r\n")
            assert await both.old.runner.quiesce(1)
            await both.hand_over()
            assert await client.receive(b"0\r\n\r\n") == b"0\r\n\r\n"
            assert await ask(client) == b"new"

    run(scenario)


def test_a_part_is_not_made_to_look_like_the_whole() -> None:
    async def scenario() -> None:
        async with pair() as both:
            client = both.client()
            await client.send(SAVE)
            await client.receive(b"part\r\n")
            assert not await both.old.runner.quiesce(0.01)
            assert both.old.runner.unfinished() == ["GET /save"]
            await both.old.runner.hand_over(both.give, 1.0)
            await both.old.runner.cut_off(1.0)
            assert await client.receive() == b""
            assert both.old.runner.unfinished() == []

    run(scenario)


def test_a_client_that_nobody_takes_is_not_forgotten_before_it_is_closed() -> None:
    async def scenario() -> None:
        async with pair() as both:
            client = both.client()
            assert await ask(client) == b"old"

            async def refuse(descriptor: int, data: bytes) -> bool:
                return False

            assert await both.old.runner.quiesce(1)
            await both.old.runner.hand_over(refuse, 1)
            await both.old.runner.resume()
            assert await ask(client) == b"old"

    run(scenario)
