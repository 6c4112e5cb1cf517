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
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest

from restd.api.framing import HEAD_LIMIT, ChunkScanner, LengthScanner, head_end, read_head
from restd.api.hangups import HangupWatch, peer_left
from restd.api.responses import Answer, Gone, Lent, Stream
from restd.model.connection import Borrowed

log = logging.getLogger(__name__)

FIRST_WORDS_SECONDS = 0.5
"""How long a daemon that stops waits for the first request of those who have just connected."""
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

Respond = Callable[[BaseRequest], Awaitable[Answer | Stream | Gone]]
Instant = Callable[[bytes], bytes | None]
Failure = Callable[[int, str], bytes]


class DockerServer(web.Server):
    """Makes a `DockerProtocol` for each connection, and ends streams when the daemon stops."""

    def __init__(self, respond: Respond, instant: Instant, failure: Failure) -> None:
        super().__init__(cast(Any, respond))
        self.instant = instant
        self.failure = failure
        self.hangups = HangupWatch(self._loop)
        self.streams: set[DockerProtocol] = set()
        self.stopping = False

    def __call__(self) -> RequestHandler:
        """The protocol of a new connection."""
        return DockerProtocol(self, self._loop)

    def end_streams(self) -> None:
        """Let every open stream end properly: its task is cancelled, the last chunk is still written."""
        self.stopping = True
        for protocol in list(self.streams):
            protocol.cancel_stream()

    async def hear_out(self) -> None:
        """Wait, FIRST_WORDS_SECONDS at most, for those who have connected and not said anything yet.

        They came just before the daemon stopped to accept: their first request is answered, not cut off.
        """
        deadline = self._loop.time() + FIRST_WORDS_SECONDS
        while self._loop.time() < deadline and any(  # noqa: ASYNC110 - a few looks, and only when the daemon stops
            isinstance(one, DockerProtocol) and one.fresh for one in self.connections
        ):
            await asyncio.sleep(0.005)

    def unfinished(self) -> list[str]:
        """Method and path of the requests that are being answered."""
        requests = (one._current_request for one in self.connections)
        return sorted(f"{request.method} {request.path}" for request in requests if request is not None)

    async def shutdown(self, timeout: float | None = None) -> None:
        """Stop all connections."""
        await super().shutdown(timeout)
        self.hangups.close()


class DockerRunner(web.AppRunner):
    """An `AppRunner` whose server is ours. The application serves for its start and stop signals alone."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[], DockerServer]) -> None:
        super().__init__(web.Application(), access_log=None, handle_signals=False)
        self._make = make

    async def _make_server(self) -> web.Server:
        await super()._make_server()
        return self._make()

    async def stop_listening(self) -> None:
        """Accept nobody any more, and hear out those who have just come. `cleanup` would close them at once."""
        for site in list(self.sites):
            await site.stop()
        if isinstance(self._server, DockerServer):
            await self._server.hear_out()

    def unfinished(self) -> list[str]:
        """Method and path of the requests that are being answered."""
        return self._server.unfinished() if isinstance(self._server, DockerServer) else []

    async def shutdown(self) -> None:
        """Called between the last accept and the wait for handlers."""
        if isinstance(self._server, DockerServer):
            self._server.end_streams()
        await super().shutdown()


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
        "_stream_task",
        "_takes_over",
        "_upgrade",
        "_watched",
    )

    def __init__(self, door: DockerServer, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            door,
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
        self._stream_task: asyncio.Task[Any] | None = None

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
        self.begin()

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

    def open_stream(self) -> None:
        """From now on the present task is cancelled when the client leaves or the daemon stops."""
        if self.transport is None or self.lost:
            raise ConnectionResetError("the client has left")
        self.transport.set_write_buffer_limits(_STREAM_BUFFER)
        self._stream_task = asyncio.current_task()
        self._door.streams.add(self)

    def close_stream(self) -> None:
        """The stream is done."""
        self._stream_task = None
        self._door.streams.discard(self)

    def cancel_stream(self) -> None:
        """Cancel the task that writes the stream, if there is one."""
        if self._stream_task is not None:
            self._stream_task.cancel()

    @property
    def lost(self) -> bool:
        """Whether the client has left."""
        return self.transport is None or self.transport.is_closing()

    # What asyncio and aiohttp call.

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

    @property
    def fresh(self) -> bool:
        """Whether nothing has come from the client yet."""
        return self._fresh

    def data_received(self, data: bytes) -> None:
        """Bytes from the client, or none (aiohttp's own way to go on after a pause)."""
        self._fresh = False
        if not data or self._opaque:
            super().data_received(data)
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
