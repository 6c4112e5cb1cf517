"""The attach socket: requests to the shim, one a connection."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

from shim.folder import note_refusal
from shim.loop import HANGUP, READ, Loop
from shim.protocol import ATTACH_SOCKET, OK_REPLY, REFUSED_REPLY, VERSION

REQUEST_LIMIT = 1 << 20
"""Bytes of one request; early input of an attach is the largest part."""
REQUEST_SECONDS = 5.0
_FAMILY = int(socket.AF_UNIX)
_TYPE = int(socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
_PATHS_LIMIT = 3 * 4096 + 2


class Refused(Exception):
    """The request is refused; the text goes into attach-log.json."""


class Request:
    """One request: `fields` of the JSON form, or `paths` of the original form. `descriptor` is -1 if none came.

    A handler that keeps the descriptor takes it with `take()`; one that keeps the connection itself (log-watch)
    with `answer_and_keep()`.
    """

    def __init__(self, connection: socket.socket, fields: dict[str, Any], paths: list[str], descriptor: int) -> None:
        self.fields = fields
        self.paths = paths
        self._connection: socket.socket | None = connection
        self._descriptor = descriptor

    @property
    def descriptor(self) -> int:
        """The descriptor that came with the request, or -1."""
        return self._descriptor

    def take(self) -> int:
        """Own the descriptor from here on. Refused if none came."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            raise Refused("the request needs a descriptor")
        return descriptor

    def answer_and_keep(self, keeper: Callable[[socket.socket], None]) -> None:
        """Answer yes, and give the connection to `keeper`, which owns it from here on."""
        assert self._connection is not None
        connection, self._connection = self._connection, None
        _answer(connection, OK_REPLY)
        keeper(connection)

    def reply(self, answer: int) -> None:
        """Answer, unless that was done."""
        if self._connection is not None:
            _answer(self._connection, answer)

    def close(self) -> None:
        """Close what was not taken."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Control:
    """Listens in the working directory (the shim's folder), reads requests, hands them to `serve(request)`.

    `serve` raises Refused, or ValueError for fields that make no sense. `pending` counts connections whose request
    has not come yet; `on_idle` is called when it falls to 0.
    """

    def __init__(self, loop: Loop, serve: Callable[[Request], None], on_idle: Callable[[], None]) -> None:
        self._loop = loop
        self._serve = serve
        self._on_idle = on_idle
        self.pending = 0
        self._listener = socket.socket(_FAMILY, _TYPE)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(ATTACH_SOCKET)
        mask = os.umask(0o177)
        try:
            self._listener.bind(ATTACH_SOCKET)
        finally:
            os.umask(mask)
        self._listener.listen(64)
        loop.watch(self._listener.fileno(), READ, self._accept)

    def close(self) -> None:
        """Stop listening; a connection still in the backlog sees its end."""
        with contextlib.suppress(OSError):
            os.unlink(ATTACH_SOCKET)
        self._loop.forget(self._listener.fileno())
        self._listener.close()

    def _accept(self, _mask: int) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        self.pending += 1
        _Incoming(self._loop, connection, self._arrived, self._failed)

    def _failed(self) -> None:
        self.pending -= 1
        if not self.pending:
            self._on_idle()

    def _arrived(self, connection: socket.socket, data: bytes, descriptor: int) -> None:
        request = Request(connection, {}, [], descriptor)
        try:
            if data.startswith(b"{"):
                request.fields = _fields(data)
            else:
                request.paths = _paths(data)
            self._serve(request)
        except (Refused, ValueError, TypeError, KeyError) as error:
            note_refusal(str(error))
            request.reply(REFUSED_REPLY)
        except Exception as error:
            note_refusal(f"{type(error).__name__}: {error}")
            request.reply(REFUSED_REPLY)
            raise
        else:
            request.reply(OK_REPLY)
        finally:
            request.close()
            self._failed()


class _Incoming:
    """One connection until its request is complete."""

    def __init__(
        self,
        loop: Loop,
        connection: socket.socket,
        arrived: Callable[[socket.socket, bytes, int], None],
        failed: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._connection = connection
        self._arrived = arrived
        self._failed = failed
        self._data = b""
        self._descriptor = -1
        self._timer = loop.later(REQUEST_SECONDS, self._late)
        loop.watch(connection.fileno(), READ, self._readable)

    def _late(self) -> None:
        note_refusal("no request came in time")
        self._give_up()

    def _give_up(self) -> None:
        self._detach()
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._connection.close()
        self._failed()

    def _detach(self) -> None:
        self._timer.cancel()
        self._loop.forget(self._connection.fileno())

    def _readable(self, mask: int) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._connection, 64 << 10, 4, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            if mask & HANGUP:
                self._give_up()
            return
        except OSError:
            self._give_up()
            return
        for descriptor in descriptors:
            if self._descriptor < 0:
                self._descriptor = descriptor
            else:
                os.close(descriptor)
        self._data += data
        complete = self._data.endswith(b"\n") or not self._data.startswith(b"{")
        if not data and not self._data:
            self._give_up()
        elif complete or not data or len(self._data) > REQUEST_LIMIT:
            self._detach()
            self._arrived(self._connection, self._data, self._descriptor)


def _fields(data: bytes) -> dict[str, Any]:
    if len(data) > REQUEST_LIMIT or not data.endswith(b"\n"):
        raise Refused("the request is too long or not ended by a newline")
    value = json.loads(data)
    if not isinstance(value, dict) or not isinstance(value.get("op"), str):
        raise Refused("the request has no op")
    version = value.get("v")
    if not isinstance(version, int) or not 1 <= version <= VERSION:
        raise Refused(f"version {version!r} is not one of 1 to {VERSION}")
    return value


def _paths(data: bytes) -> list[str]:
    """`stdin stdout stderr`, `-` or an empty word for none."""
    words = data.rstrip(b"\n\0").split(b" ")
    if len(data) > _PATHS_LIMIT or len(words) != 3:
        raise Refused("neither a JSON request nor three FIFO paths")
    paths = ["" if word == b"-" else os.fsdecode(word) for word in words]
    if not any(paths) or any(path and not path.startswith("/") for path in paths):
        raise Refused("a FIFO's path must be absolute, and one at least is needed")
    return paths


def _answer(connection: socket.socket, reply: int) -> None:
    with contextlib.suppress(OSError):
        connection.send(reply.to_bytes(4, sys.byteorder, signed=True))
