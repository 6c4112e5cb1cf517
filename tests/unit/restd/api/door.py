"""A door with routes of the test's own, on a unix socket, and a client that decides each packet."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from aiohttp import web

from restd.api.call import Call, Outcome
from restd.api.runner import DockerRunner, DockerServer
from restd.api.server import Door
from restd.api.table import Instant, Route, Table

LIMIT = 5.0
Handle = Callable[[Call], Awaitable[Outcome]]


def route(method: str, path: str, handler: Handle, instant: Instant | None = None) -> Route:
    return Route(method, path, handler, "", instant=instant, slashes=True)


class Client:
    """One connection; bytes go out exactly as told."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._socket.setblocking(False)

    async def send(self, data: bytes) -> None:
        await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(self._socket, data), LIMIT)

    def half_close(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._socket.close()

    async def receive(self, until: bytes = b"", count: int = 0) -> bytes:
        """Up to and with `until`, or `count` bytes, or (neither) to the end of the stream."""
        data = b""
        while not ((until and until in data) or (count and len(data) >= count)):
            part = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._socket, 65536), LIMIT)
            if not part:
                assert not until and not count, f"the stream ended after {data!r}"
                break
            data += part
        return data

    async def reply(self) -> tuple[int, dict[str, str], bytes]:
        """One response with Content-Length, or to the end of a chunked one."""
        head, _, rest = (await self.receive(b"\r\n\r\n")).partition(b"\r\n\r\n")
        status, headers = parse_head(head)
        if "content-length" in headers:
            while len(rest) < int(headers["content-length"]):
                rest += await self.receive(count=1)
        elif headers.get("transfer-encoding") == "chunked":
            while not rest.endswith(b"0\r\n\r\n"):
                rest += await self.receive(count=1)
        return status, headers, rest

    def ended(self) -> bool:
        """Whether the other side has closed; takes nothing off the stream."""
        try:
            return self._socket.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    lines = head.decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines[1:] if line)
    return int(lines[0].split(" ")[1]), {name.lower(): value.strip() for name, _, value in fields}


class Serving:
    def __init__(self, path: str, server: DockerServer, runner: DockerRunner) -> None:
        self.path, self.server, self.runner = path, server, runner
        self._clients: list[Client] = []

    def client(self) -> Client:
        client = Client(self.path)
        self._clients.append(client)
        return client

    def close_clients(self) -> None:
        for client in self._clients:
            client.close()


@contextlib.asynccontextmanager
async def serving(*routes: Route) -> AsyncIterator[Serving]:
    door = Door(Table(routes))
    made: list[DockerServer] = []

    def make() -> DockerServer:
        made.append(DockerServer(door.respond, door.instant, door.failure))
        return made[0]

    runner = DockerRunner(make)
    await runner.setup()
    with tempfile.TemporaryDirectory(prefix="apidoor-") as folder:
        path = os.path.join(folder, "s")
        await web.UnixSite(runner, path).start()
        serving = Serving(path, made[0], runner)
        try:
            yield serving
        finally:
            serving.close_clients()
            await runner.cleanup()


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(30):
            await scenario()

    asyncio.run(limited())


async def until(condition: Callable[[], bool], what: str) -> None:
    async with asyncio.timeout(LIMIT):
        while not condition():
            await asyncio.sleep(0.002)
    assert condition(), what
