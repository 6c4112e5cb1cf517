"""Who holds the state: one worker at a time, and how the next one takes over from it.

The holder has an exclusive flock on STATE/daemon.lock and listens on STATE/successor.sock. A worker that is to replace
it connects there once it has loaded its code and configuration. The holder gives it the clients' idle connections
(SCM_RIGHTS), lets go of the lock and then closes the connection: that is the sign to take the lock. So the old worker
serves until the new one has proved that it can, and nobody's connection is closed.

Only a worker of the same master is heard, or one of the master that the holder's master has started beside itself
(USR2). Anybody else is another daemon with the same state folder, and is told so.

Messages are packets: the question `{"v": 1}`; answers `{"v": 1, "refused": REASON}`, or for each connection
`{"v": 1, "connection": LENGTH}`, a newline, and LENGTH bytes that the client has already sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass

from restd.lib.processes import parent_of
from restd.lib.sockets import peer_of, short_path
from restd.lib.tasks import TaskGroup

log = logging.getLogger(__name__)

VERSION = 1
LOCK_FILE = "daemon.lock"
SOCKET_FILE = "successor.sock"
LOCK_SECONDS = 60.0
"""How long to wait for a holder that can't be asked: one that starts, or ends."""
QUESTION_SECONDS = 5.0
GIVE_SECONDS = 5.0
_PACKET = 1 << 20
_BUFFER = 4 << 20
_SO_SNDBUFFORCE = 32  # asm-generic/socket.h


class StateTaken(Exception):
    """Another daemon uses the state folder."""


@dataclass(frozen=True, slots=True)
class Inherited:
    """A client's connection, ours from now on, and what the client has sent that nobody has answered."""

    descriptor: int
    data: bytes


class Successor:
    """The next worker, as the holder sees it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    @property
    def gone(self) -> bool:
        """Whether it has ended; it says nothing more after its question."""
        try:
            return not self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    async def give(self, descriptor: int, data: bytes) -> bool:
        """Send a copy of a client's connection; False if the successor does not take it."""
        packet = _packet(connection=len(data)) + data
        deadline = asyncio.get_running_loop().time() + GIVE_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            try:
                socket.send_fds(self._connection, [packet], [descriptor])
                return True
            except BlockingIOError:
                await asyncio.sleep(0.001)
            except OSError:
                return False
        return False

    async def refuse(self, reason: str) -> None:
        """Say no."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(GIVE_SECONDS):
                await asyncio.get_running_loop().sock_sendall(self._connection, _packet(refused=reason))
        self.close()

    def close(self) -> None:
        """The state is free: the last word."""
        self._connection.close()


class Succession:
    """One worker's hold on the state, from `take` to `release`."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._lock = -1
        self._listener: socket.socket | None = None
        self._master = os.getppid()
        self._tasks = TaskGroup("succession")

    async def take(self) -> list[Inherited]:
        """Become the holder: at once if there is none, else after the present one, whose idle clients are returned.

        Raises StateTaken if the holder belongs to another daemon, or does not let go.
        """
        path = os.path.join(self._state, LOCK_FILE)
        self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        inherited: list[Inherited] = []
        deadline = asyncio.get_running_loop().time() + LOCK_SECONDS
        pause = 0.0
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return inherited
            except BlockingIOError:
                if asyncio.get_running_loop().time() > deadline:
                    raise StateTaken(f"{path} is locked by another daemon that uses the same state folder") from None
            await asyncio.sleep(pause)
            pause = min(pause * 2 + 0.001, 0.05)
            await self._ask(inherited)

    async def _ask(self, inherited: list[Inherited]) -> None:
        """Ask the holder and wait until it has let go; nothing if it can't be asked (yet, or any more)."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.setblocking(False)
            try:
                with short_path(self._state, SOCKET_FILE) as path:
                    await loop.sock_connect(connection, path)
                await loop.sock_sendall(connection, _packet())
            except OSError:
                return
            while (packet := await _receive(connection)) is not None:
                data, descriptors = packet
                _take_in(data, descriptors, inherited)

    def listen(self, asked: Callable[[Successor], None]) -> None:
        """Hear a successor: `asked` is called once, with the first that may be one. The lock is held."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener = listener
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self._state, SOCKET_FILE))
        with short_path(self._state, SOCKET_FILE) as path:
            listener.bind(path)
        os.chmod(os.path.join(self._state, SOCKET_FILE), 0o600)
        listener.listen(8)
        listener.setblocking(False)
        self._tasks.start(self._hear(listener, asked), "listen")

    async def _hear(self, listener: socket.socket, asked: Callable[[Successor], None]) -> None:
        loop = asyncio.get_running_loop()
        present: Successor | None = None
        while True:
            connection, _ = await loop.sock_accept(listener)
            connection.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, _BUFFER)
            candidate = Successor(connection)
            reason = await _objection(connection, self._master)
            if os.getppid() != self._master:
                candidate.close()  # this worker ends with its master, and whoever asks will find the lock free
            elif reason:
                log.warning("refused to hand the state over: %s", reason)
                await candidate.refuse(reason)
            elif present is not None and not present.gone:
                await candidate.refuse("another worker is taking over")
            else:
                present = candidate
                asked(candidate)

    async def release(self) -> None:
        """Let go of the state."""
        await self._tasks.close()
        if self._listener is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self._state, SOCKET_FILE))
            self._listener.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


async def _objection(connection: socket.socket, master: int) -> str:
    """Why the process on the other side may not take over; empty if it may."""
    try:
        async with asyncio.timeout(QUESTION_SECONDS):
            question = json.loads(await asyncio.get_running_loop().sock_recv(connection, _PACKET))
    except (TimeoutError, OSError, ValueError):
        return "no question came"
    if not isinstance(question, dict) or question.get("v") != VERSION:
        return f"the question is not of version {VERSION}"
    peer = peer_of(connection)
    parent = parent_of(peer.pid)
    if peer.uid != 0 or parent == 0 or master not in (parent, parent_of(parent)):
        return f"process {peer.pid} belongs to another daemon that uses the same state folder"
    return ""


async def _receive(connection: socket.socket) -> tuple[bytes, list[int]] | None:
    """One packet with its descriptors; None at the end."""
    while True:
        try:
            data, descriptors, _, _ = socket.recv_fds(connection, _PACKET, 1, socket.MSG_CMSG_CLOEXEC)
            return (data, descriptors) if data else None
        except BlockingIOError:
            await _readable(connection)
        except OSError:
            return None


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection)


def _take_in(data: bytes, descriptors: list[int], inherited: list[Inherited]) -> None:
    head, _, rest = data.partition(b"\n")
    message = json.loads(head)
    if "refused" in message:
        raise StateTaken(f"the state folder can't be taken over: {message['refused']}")
    if descriptors and message.get("connection") == len(rest):
        inherited.append(Inherited(descriptors.pop(), rest))
    for descriptor in descriptors:
        os.close(descriptor)


def _packet(**fields: object) -> bytes:
    return json.dumps({"v": VERSION, **fields}).encode() + b"\n"
