"""The connection under the HTTP door: the only user of aiohttp's insides.

aiohttp parses requests and keeps their order; this subclass of its protocol adds what a Docker API needs of a
connection:

* One that can be taken over. The borders of requests are found before aiohttp sees the bytes (`restd.api.framing`), so
  that what a client sends behind an attach, an exec start or a wait is kept as it is and never parsed. `borrow` gives a
  duplicate of the socket with those bytes; `release` makes asyncio close its own descriptor without shutdown(2).
  If the request is answered normally after all, the kept bytes are read as the next request.
* A client's half-close (shutdown of its sending side) ends nothing: asyncio would close the transport. Whether a
  client that half-closed has left for good is then told by EPOLLHUP.
* Answers and streams whose head is written byte by byte by `restd.api.wire`.
* A short way for requests that can be answered at once from memory: no task, no aiohttp objects.

Sources: unix(7), epoll_ctl(2), asyncio's selector_events.py and aiohttp's web_protocol.py.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest

from restd.api.framing import HEAD_LIMIT, ChunkScanner, LengthScanner, head_end, read_head
from restd.api.responses import Answer, Lent
from restd.lib.hangups import HangupWatch, peer_left
from restd.model.connection import Borrowed

log = logging.getLogger(__name__)

EARLY_LIMIT = 256 << 10
"""Bytes kept behind a request that may take the connection over; then the socket is not read."""
_NEVER = 365 * 86400.0
"""Seconds until an idle connection is closed. Docker's engine never does; clients with pools count on it."""
_LINGER = 1.0
"""Seconds for which the rest of a refused body is still read, so that the client comes to read the answer."""
_HEAD_SECONDS = 300.0
"""Seconds that a head may take from its first byte to its last, as Docker's engine has it."""
_HEADER_COUNT_LIMIT = 1000
_STREAM_BUFFER = 256 << 10


class Door(Protocol):
    """The server that a connection belongs to."""

    instant: Callable[[bytes], bytes | None]
    failure: Callable[[int, str], bytes]
    hangups: HangupWatch
    endless: set[DockerProtocol]
    quiet: bool


class DockerProtocol(RequestHandler):
    """One client's connection."""

    __slots__ = (
        "_body",
        "_door",
        "_ended",
        "_fed",
        "_fresh",
        "_head_timer",
        "_held",
        "_lent",
        "_opaque",
        "_partial",
        "_put_off",
        "_stream_task",
        "_takes_over",
        "_upgrade",
        "_watched",
        "number",
    )

    def __init__(self, door: Door, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            cast(Any, door),
            loop=loop,
            keepalive_timeout=_NEVER,
            tcp_keepalive=False,
            access_log=cast(Any, None),
            max_line_size=HEAD_LIMIT,
            max_field_size=HEAD_LIMIT,
            max_headers=_HEADER_COUNT_LIMIT,
            lingering_time=_LINGER,
            auto_decompress=False,
        )
        self._door = door
        self._partial = bytearray()  # a head that is not complete
        self._head_timer: asyncio.TimerHandle | None = None
        self._fresh = True  # nothing has come from the client
        self._body: LengthScanner | ChunkScanner | None = None  # of the request that is coming in
        self._opaque = False  # borders can't be told any more: everything goes to aiohttp
        self._held: bytearray | None = None  # what came behind a request that may take over
        self._takes_over = False
        self._upgrade = False
        self._lent = False
        self._fed = False  # a request has come
        self._ended = False  # the client has shut down its sending side
        self._watched = -1
        self._put_off = False  # a request came that is not to be begun
        self._stream_task: asyncio.Task[Any] | None = None
        self.number = 0  # of the request in progress, or the last one

    # What the door uses.

    def lend(self) -> Lent | None:
        """The connection, for a request that may take it over and whose body has been read; None if it can't be."""
        return Lent(self, upgrade=self._upgrade) if self._held is not None else None

    def write(self, data: bytes) -> None:
        """Queue bytes for the client; ConnectionResetError if it has left."""
        if self.transport is None or self.lost:
            raise ConnectionResetError("the client has left")
        self.transport.write(data)

    async def drain(self) -> None:
        """Wait while more bytes are queued than should be."""
        if self.transport is not None:
            await self._drain_helper()

    @property
    def waiting(self) -> int:
        """Bytes that the client has not taken yet."""
        return self.transport.get_write_buffer_size() if self.transport is not None else 0

    async def flush(self) -> None:
        """Wait until nothing is queued: a connection that is given away must not have bytes left here."""
        if self.transport is None or self.transport.get_write_buffer_size() == 0:
            return
        self.transport.set_write_buffer_limits(0)
        await self._drain_helper()
        if self.transport is not None:
            self.transport.set_write_buffer_limits()

    def begin(self) -> None:
        """A request is being answered; if the client sends no more, it is the last one."""
        self.number += 1
        if self._ended and not self._messages:
            self._close = True

    def take_back(self) -> None:
        """A request is answered normally: if it might have taken the connection, what was kept is the next request.

        Of pipelined requests only the last can have taken over, for nothing behind it is parsed.
        """
        if self._messages:
            return
        self._takes_over = False
        held, self._held, self._lent = self._held, None, False
        if held is None or self.transport is None:
            return
        self._resume_transport_reading()
        if held:
            self._feed(bytes(held))
        if self._ended and not self._messages:
            self._close = True

    def borrow(self) -> Borrowed:
        """See `Lent.borrow`."""
        if self._held is None or self._lent:
            raise RuntimeError("the connection can be borrowed once, by a request that may take it over")
        connection = self._socket()
        if self.transport is None or connection is None:
            raise ConnectionResetError("the client has left")
        self._lent = True
        self.transport.pause_reading()
        return Borrowed(os.dup(connection.fileno()), bytes(self._held))

    def release(self) -> None:
        """See `Lent.release`. abort() drops what is queued (nothing, see `flush`) and closes without shutdown(2)."""
        self._lent = True
        self.abort()

    def abort(self) -> None:
        """Close our descriptor at once; nothing more is written."""
        self._force_close = True
        if self.transport is not None:
            self.transport.abort()

    def open_stream(self, *, endless: bool) -> None:
        """From now on the present task is cancelled when the client leaves; `endless`: also when the daemon stops."""
        if self.transport is None or self.lost:
            raise ConnectionResetError("the client has left")
        self.transport.set_write_buffer_limits(_STREAM_BUFFER)
        self._stream_task = asyncio.current_task()
        if endless:
            self._door.endless.add(self)

    def close_stream(self) -> None:
        """The stream is done."""
        self._stream_task = None
        self._door.endless.discard(self)

    def cancel_stream(self) -> None:
        """Cancel the task that writes the stream, if there is one."""
        if self._stream_task is not None:
            self._stream_task.cancel()

    @property
    def lost(self) -> bool:
        """Whether the client has left."""
        return self.transport is None or self.transport.is_closing()

    # What the runner uses.

    @property
    def fresh(self) -> bool:
        """Whether nothing has come from the client yet."""
        return self._fresh

    @property
    def request(self) -> str:
        """Method and path of the request that is being answered; empty if there is none."""
        request = self._current_request
        return f"{request.method} {request.path}" if request is not None else ""

    @property
    def busy(self) -> bool:
        """Whether a request is in progress, coming in, or its answer not yet with the client."""
        return not self.lost and not (self._awaiting() and self._body is None and not self.waiting)

    def resume(self) -> None:
        """Begin the request that was put off."""
        if self._put_off and self.transport is not None and not self.lost:
            self._put_off = False
            data = bytes(self._partial)
            self._partial.clear()
            self.transport.resume_reading()
            self.data_received(data)

    def part(self) -> Borrowed | None:
        """A duplicate of the socket and what the client sent since its last answer; None if it is not the time."""
        connection = self._socket()
        if (
            connection is None
            or self._opaque
            or self._ended
            or self._held is not None
            or self._body is not None
            or not self._idle()
            or self.waiting
        ):
            return None
        return Borrowed(os.dup(connection.fileno()), bytes(self._partial))

    def cut_off(self) -> asyncio.Task[None] | None:
        """Close at once, and cancel the task that answers, which is returned."""
        task = self._task_handler
        self.abort()
        if task is not None:
            task.cancel()
        return task

    def expect(self, data: bytes) -> None:
        """Before the connection is made: what its client has sent to another server."""
        self._partial += data

    # What asyncio and aiohttp call.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        super().connection_made(transport)
        if self._partial:
            data = bytes(self._partial)
            self._partial.clear()
            self.data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is gone, ours or the client's doing."""
        if self._watched >= 0:
            self._door.hangups.discard(self._watched)
            self._watched = -1
        self._stop_head_timer()
        task = self._stream_task
        self.close_stream()
        super().connection_lost(exc)
        if task is not None:
            task.cancel()

    def eof_received(self) -> bool | None:  # type: ignore[override]  # asyncio takes the answer, aiohttp gives none
        """The client sends no more. True keeps the connection for what is still to be answered."""
        self._ended = True
        if self._held is not None:
            return True
        if self._partial or self._body is not None or not self._fed or self._awaiting():
            return False
        connection = self._socket()
        if connection is None or peer_left(connection.fileno()):
            return False
        if not self._messages:
            self._close = True
        self._watched = connection.fileno()
        self._door.hangups.add(self._watched, self.abort)
        return True

    def data_received(self, data: bytes) -> None:
        """Bytes from the client, or none (aiohttp's own way to go on after a pause)."""
        self._fresh = False
        if not data or self._opaque:
            super().data_received(data)
            return
        if self._door.quiet and self._held is None and self._body is None and self._idle():
            self._put_off = True
            self._partial += data
            if self.transport is not None:
                self.transport.pause_reading()
            return
        if self._held is None and self._body is None and not self._partial and self._idle():
            answer = self._door.instant(data)
            if answer is not None and self.transport is not None:
                self.transport.write(answer)
                return
        self._feed(data)

    def handle_error(
        self,
        request: BaseRequest,  # noqa: ARG002 - aiohttp's signature
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is answered to bytes that are not HTTP, or after a failure outside a handler. Closes the connection."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("request failed", exc_info=exc)
        else:
            log.debug("bad request: %s", exc)
        text = (message or HTTPStatus(status).phrase).strip().splitlines()[0].rstrip(":")
        return cast(web.StreamResponse, Answer(self, self._door.failure(status, text), keep_alive=False))

    def log_debug(self, *args: Any, **kw: Any) -> None:
        """aiohttp's chatter about clients that leave early."""

    def _resume_transport_reading(self) -> None:
        if not self._lent and not (self._held is not None and len(self._held) >= EARLY_LIMIT):
            super()._resume_transport_reading()

    # The way of the bytes.

    def _feed(self, data: bytes) -> None:
        while data and not (self._force_close or self._close):
            if self._held is not None:
                self._keep(data)
                return
            if self._opaque:
                super().data_received(data)
                return
            data = self._feed_body(data) if self._body is not None else self._feed_head(data)

    def _keep(self, data: bytes) -> None:
        assert self._held is not None
        self._held += data
        if len(self._held) >= EARLY_LIMIT and self.transport is not None:
            self.transport.pause_reading()

    def _feed_body(self, data: bytes) -> bytes:
        """Pass on what belongs to the body; what does not is returned."""
        assert self._body is not None
        try:
            count = self._body.take(data)
        except ValueError:
            self._opaque = True
            return data
        done = self._body.done
        if done:
            self._body = None
            if self._takes_over:
                self._held = bytearray()
        super().data_received(data if count == len(data) else data[:count])
        return data[count:]

    def _feed_head(self, data: bytes) -> bytes:
        """Pass on a complete head, or wait for the rest of it."""
        if not self._partial:
            data = data.lstrip(b"\r\n")
        searched = max(0, len(self._partial) - 3)
        self._partial += data
        end = head_end(self._partial, searched)
        if end < 0:
            if len(self._partial) > HEAD_LIMIT:
                self._refuse_head()
            elif self._head_timer is None:
                self._head_timer = self._loop.call_later(_HEAD_SECONDS, self.abort)
            return b""
        self._stop_head_timer()
        head, rest = bytes(self._partial[:end]), bytes(self._partial[end:])
        self._partial.clear()
        self._fed = True
        request = read_head(head)
        if request is None:
            self._opaque = True
            return head + rest
        self._body = request.body
        self._takes_over = request.takes_over
        self._upgrade = request.upgrade
        if request.takes_over and request.body is None:
            self._held = bytearray()
        super().data_received(request.data)
        return rest

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse_head(self) -> None:
        self._partial.clear()
        if self._idle() and self.transport is not None:
            self.transport.write(self._door.failure(431, f"the request's head is longer than {HEAD_LIMIT} bytes"))
        self._close = True
        if self.transport is not None:
            self.transport.close()

    def _idle(self) -> bool:
        """Whether every request so far has been answered, and the client reads what it gets."""
        return self._awaiting() and not (self._paused or self._close or self._force_close)

    def _awaiting(self) -> bool:
        """Whether aiohttp waits for the next request. Its own flag of a request in progress comes a moment late."""
        return self._waiter is not None and not self._waiter.done() and not self._messages

    def _socket(self) -> socket.socket | None:
        if self.transport is None or self.transport.is_closing():
            return None
        return cast("socket.socket | None", self.transport.get_extra_info("socket"))
