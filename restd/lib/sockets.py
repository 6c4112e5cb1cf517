"""Unix sockets: names that would be too long, who is on the other side."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
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
