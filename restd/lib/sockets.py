"""Sockets: names that would be too long, who is on the other side, connections known by their descriptor alone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Iterator
from dataclasses import dataclass

_CREDENTIALS = struct.Struct("iII")


@dataclass(frozen=True, slots=True)
class Peer:
    """The process that connected, as it was then. Source: unix(7), SO_PEERCRED."""

    pid: int
    uid: int


@contextlib.contextmanager
def short_path(folder: str, name: str) -> Iterator[str]:
    """A path for a unix socket in `folder`, short whatever the folder's name (sun_path holds 107 bytes)."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def peer_of(connection: socket.socket) -> Peer:
    """Who is on the other side of a unix socket."""
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(data)
    return Peer(pid, uid)


def send(descriptor: int, data: bytes) -> bool:
    """Send a few bytes; False if the other side has gone, or takes nothing."""
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        try:
            return connection.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL) == len(data)
        except OSError:
            return False


def unread(descriptor: int) -> int:
    """How many of the bytes that were sent the other side has not taken yet (SIOCOUTQ, which is TIOCOUTQ; unix(7))."""
    return _ask(descriptor, termios.TIOCOUTQ)


def _ask(descriptor: int, request: int) -> int:
    return int(struct.unpack("i", fcntl.ioctl(descriptor, request, struct.pack("i", 0)))[0])


def end(descriptor: int) -> None:
    """End a connection, whoever else has a copy of it, and close the descriptor."""
    with socket.socket(fileno=descriptor) as connection:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the other side has gone
