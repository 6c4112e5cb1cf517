"""What a request comes to: a whole answer, a stream, nothing at all; and the connection as it is lent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from restd.api.wire import LAST_CHUNK, chunk
from restd.model.connection import Borrowed

if TYPE_CHECKING:
    from restd.api.hijack import DockerProtocol


class Gone:
    """The outcome of a request whose connection was given away or lost: nothing is written, nothing follows."""

    keep_alive = False

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write nothing."""

    async def write_eof(self) -> None:
        """Write nothing."""


class Answer:
    """A complete response: head and body in one write."""

    def __init__(self, protocol: DockerProtocol, data: bytes, *, keep_alive: bool) -> None:
        self._protocol = protocol
        self._data = data
        self.keep_alive = keep_alive

    async def prepare(self, request: web.BaseRequest) -> None:  # noqa: ARG002 - aiohttp's signature
        """Write the response."""
        self._protocol.write(self._data)

    async def write_eof(self) -> None:
        """Wait until the client has room."""
        await self._protocol.drain()


class Stream:
    """A response in parts. Making it writes the head; while it is open, a client that leaves cancels its task.

    `endless`: it goes on as long as the daemon does, whose stop is its proper end. Any other is cut off by a stop that
    can't wait for it, so that nobody takes a part for the whole.
    """

    def __init__(
        self, protocol: DockerProtocol, head: bytes, *, chunked: bool, keep_alive: bool, endless: bool = False
    ) -> None:
        self._protocol = protocol
        self.endless = endless
        self._chunked = chunked
        self.keep_alive = keep_alive and chunked
        protocol.open_stream(endless=endless)
        protocol.write(head)

    async def write(self, data: bytes) -> None:
        """Send one part and wait while the client is behind; ConnectionError if it has left."""
        if data:
            self._protocol.write(chunk(data) if self._chunked else data)
            await self._protocol.drain()

    def put(self, data: bytes) -> None:
        """Send one part without waiting, for callbacks that make little; a client that has left is not told."""
        if not self._protocol.lost:
            self._protocol.write(chunk(data) if self._chunked else data)

    @property
    def behind(self) -> int:
        """Bytes that wait for the client to read."""
        return self._protocol.waiting

    def cut(self) -> None:
        """End the connection without the last chunk, so that the client sees that the stream broke off."""
        self._protocol.abort()

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nothing: the head was written first of all."""

    async def write_eof(self) -> None:
        """End the body."""
        self._protocol.close_stream()
        if self._chunked:
            self._protocol.write(LAST_CHUNK)
        await self._protocol.drain()


class Lent:
    """The connection of one request, as the container room sees it (`restd.model.connection.Connection`)."""

    def __init__(self, protocol: DockerProtocol, *, upgrade: bool) -> None:
        self._protocol = protocol
        self._upgrade = upgrade
        self.released = False

    @property
    def upgrade(self) -> bool:
        """Whether the client offered to upgrade."""
        return self._upgrade

    def borrow(self) -> Borrowed:
        """A duplicate of the socket and the early bytes; ConnectionResetError if the connection is lost."""
        return self._protocol.borrow()

    def release(self) -> None:
        """Forget the connection; its duplicates keep it open."""
        self.released = True
        self._protocol.release()
