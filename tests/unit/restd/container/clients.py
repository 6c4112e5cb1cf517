"""A client, a door and a shim to try the stream verbs with: real sockets, no HTTP server, no process."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

from restd.container.held import HeldClients
from restd.container.registry import Entry
from restd.lib.sockets import send
from restd.lib.tasks import TaskGroup
from restd.model.connection import Borrowed
from restd.model.container import Config, Container, HostConfig, LogConfig, State, Status
from restd.runtime.keeper import Kept
from shim.protocol import ExitRecord, News

BASE = Container(
    id="c" * 64, name="box", created=1, image="", path="sh", args=(), config=Config(open_stdin=True),
    host_config=HostConfig(log_config=LogConfig("json-file")), runtime="runc", directory="/nowhere",
    run_directory="/nowhere",
)  # fmt: skip


def container(status: Status = Status.CREATED, **changes: Any) -> Container:
    return replace(BASE, state=State(status=status), **changes)


class Client:
    """The client's end of a connection, and the `Connection` that the door would lend."""

    def __init__(self, early: bytes = b"", *, upgrade: bool = True) -> None:
        self.end, self._server = socket.socketpair()
        self.end.settimeout(5)
        self._early = early
        self._upgrade = upgrade
        self.released = False

    @property
    def upgrade(self) -> bool:
        return self._upgrade

    def borrow(self) -> Borrowed:
        return Borrowed(os.dup(self._server.fileno()), self._early)

    def release(self) -> None:
        self.released = True
        self._server.close()

    def rest(self) -> bytes:
        """All that comes until the stream ends."""
        data = b""
        while part := self.end.recv(65536):
            data += part
        return data

    def close(self) -> None:
        self.end.close()
        self._server.close()


class Heads:
    def stream_head(self, *, upgrade: bool, framed: bool) -> bytes:
        return f"<{'101' if upgrade else '200'} {'framed' if framed else 'raw'}>".encode()

    def wait_head(self) -> bytes:
        return b"<wait>"


class Shim:
    """Stands for a `ShimLink`: keeps what it was asked, and says what the test wants it to say."""

    def __init__(self, answer: Exception | None = None, state: str = "/nowhere") -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answer = answer
        self.state = state
        self.record: ExitRecord | None = None
        self.closed = False
        self.tell: asyncio.Queue[News | None] = asyncio.Queue()

    async def request(self, op: str, fields: dict[str, Any] | None = None, fd: int | None = None) -> None:
        if self.answer is not None:
            raise self.answer
        self.asked.append((op, dict(fields or {})))
        if fd is not None:
            os.write(fd, b"<shim>")

    def read_exit_record(self) -> ExitRecord | None:
        return self.record

    def alive(self) -> bool:
        return True

    async def ended(self) -> bool:
        return not self.alive()

    def close(self) -> None:
        self.closed = True

    async def news(self) -> AsyncIterator[News]:
        while (news := await self.tell.get()) is not None:
            yield news


class Keeper:
    """Stands for the daemon's end of the keeper. `left`: what an earlier daemon has left."""

    def __init__(self) -> None:
        self.kept: dict[int, bytes] = {}
        self.left: list[Kept] = []
        self._keys = iter(range(1, 1000))

    def expect(self) -> None:
        return

    async def open(self) -> list[Kept]:
        self.kept = {kept.key: kept.record for kept in self.left}
        return self.left

    async def keep(self, descriptor: int, head: bytes, record: Callable[[], bytes]) -> int | None:
        if head and not send(descriptor, head):
            return None
        key = next(self._keys)
        self.kept[key] = record()
        return key

    def adopt(self, key: int, descriptor: int, record: Callable[[], bytes]) -> None:
        assert key in self.kept

    def drop(self, key: int) -> None:
        del self.kept[key]

    def close(self) -> None:
        return


class Announced:
    def __init__(self) -> None:
        self.actions: list[str] = []

    def __call__(self, container: Container, action: str, **extra: str) -> None:
        self.actions.append(action)


def entry(box: Container, shim: Shim | None = None) -> Entry:
    made = Entry(box)
    made.link = shim  # type: ignore[assignment]  # stands for a link
    if not box.state.running:
        made.exited.set()
    return made


class Place:
    """What the verbs are given, inside a running loop."""

    def __init__(self, attach_limit: int = 16) -> None:
        self.tasks = TaskGroup("test")
        self.keeper = Keeper()
        self.held = HeldClients(self.keeper, attach_limit)  # type: ignore[arg-type]  # stands for the keeper
        self.announced = Announced()

    async def close(self) -> None:
        await self.tasks.close()
        self.held.close(())


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)
