"""The HTTP door: one dispatch for every request, and the server that restd listens with."""

from __future__ import annotations

import asyncio
import http
import logging
import re

from aiohttp import web

from restd.api import wire
from restd.api.call import Call, Glance, Outcome, Reply, error_reply
from restd.api.engine import Engine
from restd.api.errors import INTERNAL_ERROR, PAGE_NOT_FOUND, status_of
from restd.api.hijack import DockerProtocol
from restd.api.responses import Answer, Gone, Stream
from restd.api.routes import all_routes
from restd.api.runner import DockerRunner, DockerServer
from restd.api.table import Match, Table
from restd.api.versions import check_served
from restd.errors import EngineError

log = logging.getLogger(__name__)

_INSTANT = re.compile(
    rb"(GET|HEAD) (/[!-~]*) HTTP/1\.1\r\n"
    rb"(?i:(?!content-length|transfer-encoding|expect|upgrade|connection)[!-9;-~]+:[ \t!-~\x80-\xff]*\r\n"
    rb"|connection:[ \t]*keep-alive[ \t]*\r\n)+\r\n",
)
"""A whole request, alone in its packet, that wants no more than an answer."""


class Door:
    """Finds the handler of a request and turns its outcome, or its error, into a response."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def instant(self, data: bytes) -> bytes | None:
        """The complete response to a request that can be answered at once; None if it takes the usual way."""
        request = _INSTANT.fullmatch(data)
        if request is None:
            return None
        head_only = request[1] == b"HEAD"
        path, _, query = request[2].decode("ascii").partition("?")
        match = self._table.find("HEAD" if head_only else "GET", path)
        if match is None or match.route.instant is None:
            return None
        try:
            check_served(match.version)
            reply = match.route.instant(Glance(match.version, match.name, query))
        except EngineError as error:
            reply = error_reply(status_of(error), str(error))
        except Exception:
            log.exception("%s %s failed", match.route.method, path)
            reply = error_reply(500, INTERNAL_ERROR)
        if reply is None:
            return None
        head = wire.whole_head(reply.status, reply.content_type, len(reply.body), reply.headers)
        return head if head_only else head + reply.body

    async def respond(self, request: web.BaseRequest) -> Answer | Stream | Gone:
        """What aiohttp calls for each request."""
        protocol = request.protocol
        assert isinstance(protocol, DockerProtocol)
        protocol.begin()
        path, _, query = request.raw_path.partition("?")
        match = self._table.find(request.method, _origin_form(path))
        if match is None:
            return self._answer(request, protocol, error_reply(404, PAGE_NOT_FOUND))
        call = Call(request, match.version, match.name, query)
        try:
            outcome = await self._call(match, call)
        except asyncio.CancelledError:
            if protocol.lost:
                return Gone()
            if call.opened is None:
                raise
            if not call.opened.endless:
                call.opened.cut()
                return Gone()
            return call.opened  # the daemon stops: the stream ends as if there were no more
        if call.given or protocol.lost:
            return Gone()
        protocol.take_back()
        return outcome if isinstance(outcome, Stream) else self._answer(request, protocol, outcome)

    async def _call(self, match: Match, call: Call) -> Outcome:
        try:
            check_served(match.version)
            return await match.route.handler(call)
        except EngineError as error:
            if call.opened is not None:
                call.opened.cut()
            status = status_of(error)
            if status in (500, 503):
                log.warning("%s %s: %s", match.route.method, match.route.path.format(name=call.name), error)
            return error_reply(status, str(error) or http.HTTPStatus(status).phrase)
        except Exception as error:
            if call.protocol.lost and isinstance(error, ConnectionError):
                return Reply()
            log.exception("%s %s failed", match.route.method, match.route.path)
            if call.opened is not None:
                call.opened.cut()
            return error_reply(500, INTERNAL_ERROR)

    @staticmethod
    def _answer(request: web.BaseRequest, protocol: DockerProtocol, outcome: Outcome) -> Answer:
        assert isinstance(outcome, Reply)
        keep_alive = request.keep_alive and not request.headers.get("Expect")
        headers = dict(outcome.headers or {})
        if not keep_alive:
            headers["Connection"] = "close"
        elif request.version < (1, 1):
            headers["Connection"] = "keep-alive"
        head = wire.whole_head(outcome.status, outcome.content_type, len(outcome.body), headers)
        bodiless = request.method == "HEAD" or outcome.status in (204, 304)
        return Answer(protocol, head if bodiless else head + outcome.body, keep_alive=keep_alive)

    @staticmethod
    def failure(status: int, message: str) -> bytes:
        """The response to bytes that are not a request; the connection is closed after it."""
        reply = error_reply(status, message)
        return wire.whole_head(status, reply.content_type, len(reply.body), {"Connection": "close"}) + reply.body


def _origin_form(path: str) -> str:
    """The path of a target that a proxy wrote in absolute form (`http://host/path`)."""
    if path.startswith("/"):
        return path
    _, scheme, rest = path.partition("://")
    return "/" + rest.partition("/")[2] if scheme else path


def make_runner(engine: Engine) -> DockerRunner:
    """The server for `engine`; `setup()` it inside a running loop, then add sites."""
    door = Door(Table(all_routes(engine)))
    return DockerRunner(lambda: DockerServer(door.respond, door.instant, door.failure))
