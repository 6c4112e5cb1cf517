"""The doorbell for readers of the log: one byte on a socket when the log has grown or was rotated."""

from __future__ import annotations

import contextlib
import socket

from shim.loop import READ, Loop


class Bell:
    """Connections of those who follow the log. Rings never wait: a bell that was not heard yet is enough."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._connections: dict[int, socket.socket] = {}

    def add(self, connection: socket.socket) -> None:
        """Ring this one too, until it is closed on the other side."""
        connection.setblocking(False)
        descriptor = connection.fileno()
        self._connections[descriptor] = connection
        self._loop.watch(descriptor, READ, lambda _: self._heard(descriptor))

    def ring(self) -> None:
        """Something changed."""
        for connection in self._connections.values():
            with contextlib.suppress(OSError):
                connection.send(b"\n")

    def close(self) -> None:
        """The log will not change any more."""
        for descriptor in list(self._connections):
            self._drop(descriptor)

    def _heard(self, descriptor: int) -> None:
        """Followers have nothing to say: what comes is thrown away, or it is their end."""
        try:
            if self._connections[descriptor].recv(64):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._drop(descriptor)

    def _drop(self, descriptor: int) -> None:
        self._loop.forget(descriptor)
        self._connections.pop(descriptor).close()
