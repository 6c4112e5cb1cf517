"""Held `wait` requests: each is a client's connection that gets the exit code as its response body."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable

from shim.loop import HANGUP, Loop
from shim.protocol import ExitRecord, Wait

FIRST_LOOK, LAST_LOOK = 0.02, 1.0
"""Seconds between looks for the run-time folder's end: doubling from the first to the last."""


def body(record: ExitRecord) -> bytes:
    """The response body as one chunk and the last chunk. An unknown exit carries the reason as Docker's `Error`."""
    answer: dict[str, object] = {"StatusCode": 255 if record.exit_code is None else record.exit_code}
    if record.exit_code is None:
        answer["Error"] = {"Message": record.unknown or "the exit code is not known"}
    text = json.dumps(answer, separators=(",", ":")).encode() + b"\n"
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(text), text)


class Waits:
    """All waits of one shim. `gone()`: whether the run-time folder is gone; `on_idle` is called when none is left."""

    def __init__(self, loop: Loop, gone: Callable[[], bool], on_idle: Callable[[], None]) -> None:
        self._loop = loop
        self._gone = gone
        self._on_idle = on_idle
        self._held: dict[socket.socket, Wait] = {}
        self._record: ExitRecord | None = None
        self._pause = FIRST_LOOK
        self._removed = False
        self._looking = False

    def __len__(self) -> int:
        return len(self._held)

    def add(self, descriptor: int, wait: Wait) -> None:
        """Hold the connection `descriptor`; its head is sent at once."""
        connection = socket.socket(fileno=descriptor)
        connection.setblocking(False)
        self._held[connection] = wait
        try:
            if wait.head:
                connection.send(wait.head.encode("latin-1"))
        except OSError:
            self._drop(connection)
            return

        def left(mask: int) -> None:
            if mask & HANGUP:
                self._drop(connection)

        self._loop.watch(descriptor, 0, left)
        if self._record is not None:
            self.answer(self._record)

    def answer(self, record: ExitRecord) -> None:
        """The process has ended: answer all, those for `removed` once the folder is gone."""
        self._record = record
        for connection, wait in list(self._held.items()):
            if not wait.removed or self._removed:
                self._reply(connection, record)
        if self._held and not self._looking:
            self._looking = True
            self._look()

    def removed(self) -> None:
        """The run-time folder is gone, or going."""
        self._removed = True
        if self._record is not None:
            self.answer(self._record)

    def _look(self) -> None:
        if not self._held or self._record is None:
            return
        if not self._removed and self._gone():
            self.removed()
            return
        self._loop.later(self._pause, self._look)
        self._pause = min(self._pause * 2, LAST_LOOK)

    def _reply(self, connection: socket.socket, record: ExitRecord) -> None:
        try:
            connection.send(body(record))
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the client has left
        self._drop(connection)

    def _drop(self, connection: socket.socket) -> None:
        if self._held.pop(connection, None) is not None:
            self._loop.forget(connection.fileno())
            connection.close()
            if not self._held:
                self._on_idle()


def folder_watch(path: str) -> Callable[[], bool]:
    """A test for whether the working directory has gone from `path`, where it was; it may be gone already."""
    inode = os.stat(".").st_ino

    def gone() -> bool:
        try:
            return os.stat(path).st_ino != inode
        except OSError:
            return True

    return gone
