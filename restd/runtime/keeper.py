"""The daemon's end of the keeper: copies of connections for the next daemon, and those that an earlier one left.

Whatever is kept here is held by the daemon too. So a keeper that dies costs nothing: another one gets it all again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from restd.errors import SystemFailure
from restd.lib.sockets import send, short_path, unread
from restd.lib.tasks import TaskGroup
from restd.runtime.nursery import Nursery
from shim import protocol

log = logging.getLogger(__name__)

TALK_SECONDS = 10.0
"""How long a keeper may take to give back what it kept."""
ATTEMPTS = 2
PACKET = protocol.KEEPER_PACKET
PAUSE_SECONDS = 1.0
"""Between one keeper's death and the next one's birth, but for the first."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A connection that an earlier daemon left. The descriptor is the taker's."""

    key: int
    descriptor: int
    record: bytes


@dataclass(frozen=True, slots=True)
class _Question:
    """A KEEP whose answer has not come."""

    descriptor: int
    answer: asyncio.Future[bytes]


class Keeper:
    """Connects to the keeper of `state`, or lets one be born when there is something to keep."""

    def __init__(self, state: str, nursery: Nursery, tasks: TaskGroup) -> None:
        self._state = state
        self._nursery = nursery
        self._tasks = tasks
        self._connection: socket.socket | None = None
        self._kept: dict[int, tuple[int, Callable[[], bytes]]] = {}
        self._unsent: deque[tuple[bytes, int]] = deque()  # packets, and the keys of what goes with them
        self._asked: dict[int, _Question] = {}
        self._next = 1
        self._hiring = asyncio.Lock()
        self._replacing = False

    async def open(self) -> list[Kept]:
        """What an earlier daemon has left; nothing if there is no keeper."""
        connection = _socket()
        found: list[Kept] = []
        try:
            async with asyncio.timeout(TALK_SECONDS):
                with short_path(self._state, protocol.KEEPER_SOCKET) as path:
                    await asyncio.get_running_loop().sock_connect(connection, path)
                while (kept := await _receive(connection)) is not None:
                    found.append(kept)
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            return []
        except (OSError, ValueError) as error:  # TimeoutError is one
            log.error("the keeper of connections does not answer: %s", error)
            connection.close()
            for kept in found:
                os.close(kept.descriptor)
            return []
        self._next = max((kept.key for kept in found), default=0) + 1
        self._use(connection)
        return found

    def expect(self) -> None:
        """Something may have to be kept soon: let a keeper be born meanwhile."""
        if self._connection is None and not self._hiring.locked():
            self._tasks.start(self._ready(), "keeper")

    async def keep(self, descriptor: int, head: bytes, record: Callable[[], bytes]) -> int | None:
        """Let `head` be sent to a client, and a copy of its connection be kept with `record()`.

        Returns the key to `drop` it by, which must come before the descriptor is closed; None if the client has left.
        Without a keeper (the log says why) the connection ends with this daemon.
        """
        key, self._next = self._next, self._next + 1
        for _ in range(ATTEMPTS):
            match await self._ask(key, descriptor, head, record):
                case protocol.KEPT:
                    break
                case protocol.DROP:
                    return None
            if unread(descriptor):  # it ended before its answer, but the client has been told
                head = b""
        else:
            if head and not send(descriptor, head):
                return None
        self._kept[key] = descriptor, record
        return key

    async def _ask(self, key: int, descriptor: int, head: bytes, record: Callable[[], bytes]) -> bytes:
        """The keeper's answer to a KEEP; nothing if there is no keeper, or it has ended."""
        await self._ready()
        if self._connection is None:
            return b""
        question = self._asked[key] = _Question(descriptor, asyncio.get_running_loop().create_future())
        try:
            self._send(protocol.keeper_packet(protocol.KEEP, key, head, record()), key)
            async with asyncio.timeout(TALK_SECONDS):
                return await question.answer
        except TimeoutError:
            log.error("the keeper of connections does not answer")
            self._hang_up()
            return b""
        finally:
            del self._asked[key]

    def adopt(self, key: int, descriptor: int, record: Callable[[], bytes]) -> None:
        """Answer for something that the keeper has already: see `open`."""
        self._kept[key] = descriptor, record

    def drop(self, key: int) -> None:
        """Nobody needs the copy any more: a shim has the connection, or it has ended."""
        self._kept.pop(key, None)
        self._send(protocol.keeper_packet(protocol.DROP, key), 0)

    def close(self) -> None:
        """Leave the keeper to the next daemon."""
        self._kept.clear()
        self._hang_up()

    # -- the keeper's life -----------------------------------------------------------------------------------------

    async def _ready(self) -> None:
        """See to it that there is a keeper."""
        async with self._hiring:
            if self._connection is None:
                try:
                    await self._hire()
                except (OSError, SystemFailure) as error:
                    log.error("no keeper of connections: %s", error)

    async def _hire(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        try:
            with theirs:
                _enlarge(theirs)
                await self._nursery.hire_keeper(self._state, theirs.fileno())
        except BaseException:
            ours.close()
            raise
        self._use(ours)
        for key, (_, record) in self._kept.items():
            self._send(protocol.keeper_packet(protocol.KEEP, key, b"", record()), key)

    def _use(self, connection: socket.socket) -> None:
        _enlarge(connection)
        self._connection = connection
        asyncio.get_running_loop().add_reader(connection.fileno(), self._told)

    def _told(self) -> None:
        assert self._connection is not None
        try:
            packet = self._connection.recv(PACKET)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            self._lost()
            return
        operation, key, _, _ = protocol.read_keeper_packet(packet)
        if (question := self._asked.get(key)) is not None and not question.answer.done():
            question.answer.set_result(operation)

    def _lost(self) -> None:
        self._hang_up()
        if self._kept and not self._replacing:
            log.warning("the keeper of connections has ended; another one gets what it had")
            with contextlib.suppress(RuntimeError):  # closing down
                self._tasks.start(self._replace(), "keeper")
                self._replacing = True

    async def _replace(self) -> None:
        try:
            await self._ready()
            while self._connection is None and self._kept:
                await asyncio.sleep(PAUSE_SECONDS)
                await self._ready()
            await asyncio.sleep(PAUSE_SECONDS)  # one that dies at once is not replaced at once
        finally:
            self._replacing = False
        if self._connection is None and self._kept:
            self._lost()

    def _hang_up(self) -> None:
        self._unsent.clear()
        for question in self._asked.values():
            if not question.answer.done():
                question.answer.set_result(b"")
        if self._connection is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._connection.fileno())
            loop.remove_writer(self._connection.fileno())
            self._connection.close()
            self._connection = None

    # -- packets ---------------------------------------------------------------------------------------------------

    def _send(self, packet: bytes, key: int) -> None:
        """Send at once if there is room, else as soon as there is."""
        if self._connection is None:
            return
        self._unsent.append((packet, key))
        if len(self._unsent) == 1:
            self._flush()

    def _descriptor(self, key: int) -> int:
        """The connection that is, or is to be, kept under `key`; -1 if it is not ours any more."""
        if key in self._asked:
            return self._asked[key].descriptor
        return self._kept[key][0] if key in self._kept else -1

    def _flush(self) -> None:
        """Send what waits. What was dropped meanwhile is not sent: its descriptor is closed."""
        assert self._connection is not None
        loop = asyncio.get_running_loop()
        try:
            while self._unsent:
                packet, key = self._unsent[0]
                if not key:
                    self._connection.send(packet)
                elif (descriptor := self._descriptor(key)) >= 0:
                    socket.send_fds(self._connection, [packet], [descriptor])
                self._unsent.popleft()
        except BlockingIOError:
            loop.add_writer(self._connection.fileno(), self._flush)
            return
        except OSError as error:
            log.debug("keeper: %s", error)
            self._lost()
            return
        loop.remove_writer(self._connection.fileno())


def _socket() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)


def _enlarge(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, protocol.SO_SNDBUFFORCE, protocol.KEEPER_BUFFER)


async def _receive(connection: socket.socket) -> Kept | None:
    """One of the connections that were kept; None behind the last one. OSError if the keeper ends before."""
    packet, descriptor = await _packet(connection)
    if not packet:
        raise ConnectionResetError("it ended in the middle")
    operation, key, _, record = protocol.read_keeper_packet(packet)
    if operation == protocol.WELCOME:
        return None
    if operation != protocol.KEEP or descriptor < 0:
        raise ValueError(f"an unexpected packet: {packet[:40]!r}")
    return Kept(key, descriptor, record)


async def _packet(connection: socket.socket) -> tuple[bytes, int]:
    loop = asyncio.get_running_loop()
    while True:
        try:
            packet, descriptors, _, _ = socket.recv_fds(connection, PACKET, 1, socket.MSG_CMSG_CLOEXEC)
            return packet, descriptors[0] if descriptors else -1
        except BlockingIOError:
            pass
        readable = loop.create_future()
        loop.add_reader(connection.fileno(), _wake, readable)
        try:
            await readable
        finally:
            loop.remove_reader(connection.fileno())


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
