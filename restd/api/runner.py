"""The server under the HTTP door: listens, ends streams when the daemon stops, gives its clients to a successor."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from aiohttp import web

from restd.api.hijack import DockerProtocol
from restd.api.responses import Answer, Gone, Stream
from restd.lib.hangups import HangupWatch

FIRST_WORDS_SECONDS = 0.5
"""How long a daemon that stops waits for the first request of those who have just connected."""
ACCEPT_TURNS = 5
BACKLOG = 2048
_LOOK_SECONDS = 0.002

Respond = Callable[[web.BaseRequest], Awaitable[Answer | Stream | Gone]]
Give = Callable[[int, bytes], Awaitable[bool]]


class DockerServer(web.Server):
    """Makes a `DockerProtocol` for each connection."""

    def __init__(
        self, respond: Respond, instant: Callable[[bytes], bytes | None], failure: Callable[[int, str], bytes]
    ) -> None:
        super().__init__(cast(Any, respond))
        self.instant = instant
        self.failure = failure
        self.hangups = HangupWatch()
        self.endless: set[DockerProtocol] = set()
        self.quiet = False

    def __call__(self) -> DockerProtocol:
        """The protocol of a new connection."""
        return DockerProtocol(cast(Any, self), self._loop)

    @property
    def clients(self) -> list[DockerProtocol]:
        """The connections."""
        return [one for one in self.connections if isinstance(one, DockerProtocol)]

    def end_streams(self) -> None:
        """Let every stream that would never end, end properly: its task is cancelled, the last chunk is written."""
        for protocol in list(self.endless):
            protocol.cancel_stream()

    async def shutdown(self, timeout: float | None = None) -> None:
        """Stop all connections."""
        await super().shutdown(timeout)
        self.hangups.close()


class DockerRunner(web.AppRunner):
    """An `AppRunner` whose server is ours. The application serves for its start and stop signals alone."""

    __slots__ = ("_accepting", "_listeners", "_make")

    def __init__(self, make: Callable[[], DockerServer]) -> None:
        super().__init__(web.Application(), access_log=None, handle_signals=False)
        self._make = make
        self._listeners: Sequence[socket.socket] = ()
        self._accepting: list[socket.socket] = []

    async def _make_server(self) -> web.Server:
        await super()._make_server()
        return self._make()

    @property
    def _ours(self) -> DockerServer:
        assert isinstance(self._server, DockerServer)
        return self._server

    async def listen(self, listeners: Sequence[socket.socket]) -> None:
        """Accept clients from `listeners`, which stay the caller's."""
        self._listeners = listeners
        for listener in listeners:
            own = socket.socket(fileno=os.dup(listener.fileno()))
            await web.SockSite(self, own, backlog=BACKLOG).start()
            self._accepting.append(own)

    async def adopt(self, descriptor: int, data: bytes) -> None:
        """Serve a connection that another server has accepted, and that has sent `data` since its last answer."""
        loop = asyncio.get_running_loop()

        def protocol() -> DockerProtocol:
            made = self._ours()
            made.expect(data)
            return made

        await loop.connect_accepted_socket(protocol, socket.socket(fileno=descriptor))

    async def stop_listening(self) -> None:
        """Accept nobody any more. Clients who have just been accepted are among the connections on return.

        asyncio makes a connection some turns of the loop after it has accepted it, and drops it if its server has been
        closed meanwhile.
        """
        for listener in self._accepting:
            asyncio.get_running_loop().remove_reader(listener)
        self._accepting.clear()
        for _ in range(ACCEPT_TURNS):
            await asyncio.sleep(0)
        for site in list(self.sites):
            await site.stop()

    async def hear_out(self) -> None:
        """Wait, FIRST_WORDS_SECONDS at most, for those who have connected and not said anything yet.

        They came just before the daemon stopped to accept: their first request is answered, not cut off.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + FIRST_WORDS_SECONDS
        while loop.time() < deadline and any(one.fresh for one in self._ours.clients):  # noqa: ASYNC110 - a few looks
            await asyncio.sleep(_LOOK_SECONDS)

    async def quiesce(self, seconds: float) -> bool:
        """Begin no new request; whether those in progress have ended within `seconds`. What comes meanwhile waits.

        Streams that would never end are not waited for.
        """
        self._ours.quiet = True
        await self.stop_listening()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self._busy():
            if loop.time() > deadline:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        return True

    async def resume(self) -> None:
        """Serve on after `quiesce`, and return when the requests that were in progress have ended."""
        long = {(one, one.number) for one in self._busy()}
        self._ours.quiet = False
        for one in self._ours.clients:
            one.resume()
        await self.listen(self._listeners)
        while any(one.busy and one.number == number for one, number in long):  # noqa: ASYNC110 - limited by the caller
            await asyncio.sleep(_LOOK_SECONDS * 10)

    async def hand_over(self, give: Give, seconds: float) -> None:
        """After `quiesce`: end the streams, and give every connection that waits for its next request to `give`."""
        self._ours.end_streams()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self._ours.endless and loop.time() < deadline:  # noqa: ASYNC110 - a few looks
            await asyncio.sleep(_LOOK_SECONDS)
        for one in self._ours.clients:
            if (parting := one.part()) is None:
                continue
            try:
                if await give(parting.descriptor, parting.early):
                    one.release()
            finally:
                os.close(parting.descriptor)

    async def cut_off(self, seconds: float) -> None:
        """Cancel what is still being answered, and wait for that, so that nobody works on without being asked."""
        cancelled = [task for one in self._ours.clients if (task := one.cut_off()) is not None]
        if cancelled:
            await asyncio.wait(cancelled, timeout=seconds)

    def unfinished(self) -> list[str]:
        """Method and path of the requests that are being answered."""
        return sorted(filter(None, (one.request for one in self._ours.clients))) if self._server is not None else []

    def _busy(self) -> list[DockerProtocol]:
        return [one for one in self._ours.clients if one.busy and one not in self._ours.endless]

    async def shutdown(self) -> None:
        """Called between the last accept and the wait for handlers."""
        if isinstance(self._server, DockerServer):
            self._server.end_streams()
        await super().shutdown()
