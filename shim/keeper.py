"""The keeper: one process a daemon that has copies of the connections which wait for a container's start.

Such a client has no shim yet: only the daemon knows it. So the daemon gives a copy of the connection, and what it has
to know of it, to the keeper, which outlives it, and the next daemon gets them back. It is the keeper that sends the
response head: a client that has it can count on being kept, whoever is killed at whatever moment.

The keeper understands nothing of what it keeps. It is a fork of the nursery, made when the first connection is to be
kept, and ends when it keeps nothing and nobody is there to ask for more.

The connection to the daemon is a SOCK_SEQPACKET one: first the pair that came with the order, then whichever daemon
has connected last to `keeper.sock` in the state folder. See `shim.protocol` for what is said.
"""

from __future__ import annotations

import contextlib
import os
import socket

from shim.folder import note
from shim.loop import HANGUP, READ, Loop
from shim.protocol import (
    DROP,
    KEEP,
    KEEPER_BUFFER,
    KEEPER_PACKET,
    KEEPER_SOCKET,
    KEPT,
    SO_SNDBUFFORCE,
    VERSION,
    WELCOME,
    keeper_packet,
    read_keeper_packet,
)

LOG = "keeper-log.json"
IDLE_SECONDS = 10.0
"""How long an empty keeper stays for a daemon that may come back with more."""
TALK_SECONDS = 5.0
"""How long a daemon may take to receive what was kept."""


class Keeper:
    """Keeps connections for `daemon`, its first client. The working directory is the state folder."""

    def __init__(self, daemon: socket.socket) -> None:
        self._loop = Loop(lambda error: note(error, LOG))
        self._kept: dict[int, tuple[int, bytes]] = {}  # by the daemon's key: descriptor and record
        self._daemon: socket.socket | None = None
        self._timed = False
        self._used = False
        self._listener = _listen()
        self._loop.watch(self._listener.fileno(), READ, self._accept)
        self._serve(daemon)
        self._rest()

    def run(self) -> None:
        """Keep, until there is nothing to keep and nobody to keep for."""
        self._loop.run()
        self._leave()
        self._listener.close()
        self._loop.close()

    # -- the daemon ------------------------------------------------------------------------------------------------

    def _accept(self, _mask: int) -> None:
        """Another daemon: there is one at most, so the earlier one is gone."""
        try:
            daemon, _ = self._listener.accept()
        except OSError:
            return
        while self._daemon is not None and self._hear():
            pass  # what the earlier one said last
        self._leave()
        daemon.settimeout(TALK_SECONDS)
        with contextlib.suppress(PermissionError):
            daemon.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, KEEPER_BUFFER)
        try:
            for key, (descriptor, record) in self._kept.items():
                socket.send_fds(daemon, [keeper_packet(KEEP, key, b"", record)], [descriptor])
            daemon.send(keeper_packet(WELCOME, VERSION))
        except OSError as error:  # it has left again, or doesn't read
            note(error, LOG)
            daemon.close()
            self._rest()
            return
        self._serve(daemon)

    def _serve(self, daemon: socket.socket) -> None:
        daemon.setblocking(False)
        self._daemon = daemon
        self._loop.watch(daemon.fileno(), READ, self._readable)

    def _leave(self) -> None:
        if self._daemon is not None:
            self._loop.forget(self._daemon.fileno())
            self._daemon.close()
            self._daemon = None

    def _readable(self, _mask: int) -> None:
        self._hear()
        if self._daemon is None:
            self._rest()

    def _hear(self) -> bool:
        """Take one packet, if there is one; whether there was. At the end of the connection there is no daemon."""
        assert self._daemon is not None
        try:
            packet, descriptors, _, _ = socket.recv_fds(self._daemon, KEEPER_PACKET, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return False
        except ConnectionResetError:  # said once of a daemon that left before it had read all; what it said comes next
            return True
        if not packet:
            self._leave()
            return False
        operation, key, head, record = read_keeper_packet(packet)
        if operation == KEEP and descriptors:
            self._keep(key, descriptors[0], head, record)
        elif operation == DROP:
            self._drop(key)
        return True

    def _answer(self, operation: bytes, key: int) -> None:
        """A daemon that has gone is heard to its end all the same."""
        if self._daemon is not None:
            with contextlib.suppress(OSError):
                self._daemon.send(keeper_packet(operation, key))

    # -- what is kept ----------------------------------------------------------------------------------------------

    def _keep(self, key: int, descriptor: int, head: bytes, record: bytes) -> None:
        self._used = True
        if not _send(descriptor, head):
            os.close(descriptor)
            self._answer(DROP, key)
            return
        self._kept[key] = descriptor, record
        self._answer(KEPT, key)

        def left(mask: int) -> None:
            if mask & HANGUP:
                self._drop(key)

        self._loop.watch(descriptor, 0, left)

    def _drop(self, key: int) -> None:
        """Close a copy, after a shim has its own, or because the client has left."""
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._loop.forget(kept[0])
            os.close(kept[0])
            self._rest()

    def _rest(self) -> None:
        """Nothing may be left to do: then end, at once if nobody is there, else a while after the last use."""
        if self._kept:
            return
        if self._daemon is None:
            self._end()
        elif not self._timed:
            self._timed = True
            self._used = False
            self._loop.later(IDLE_SECONDS, self._idle)

    def _idle(self) -> None:
        self._timed = False
        if self._used:
            self._rest()
        elif not self._kept:
            self._end()

    def _end(self) -> None:
        """The name goes first: whoever finds it finds a keeper, or is told at once that there is none."""
        with contextlib.suppress(OSError):
            os.unlink(KEEPER_SOCKET)
        self._loop.stop()


def _send(descriptor: int, head: bytes) -> bool:
    """Send a response head; False if the client has left."""
    if not head:
        return True
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        try:
            return connection.send(head, socket.MSG_DONTWAIT) == len(head)
        except OSError:
            return False


def _listen() -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(KEEPER_SOCKET)
    mask = os.umask(0o177)
    try:
        listener.bind(KEEPER_SOCKET)
    finally:
        os.umask(mask)
    listener.listen(4)
    return listener


def begin(state: str, daemon: int) -> None:
    """What a fresh keeper does: go to the state folder, keep. `daemon`: the descriptor of the first connection."""
    os.chdir(state)
    Keeper(socket.socket(fileno=daemon)).run()
