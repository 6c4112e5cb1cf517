"""One request, as the handlers see it, and what they may answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from restd.api import wire
from restd.api.body import JSON_LIMIT, check_json_type, decode_object, read_all
from restd.api.hijack import DockerProtocol
from restd.api.query import Query
from restd.api.responses import Lent, Stream
from restd.api.versions import Version
from restd.api.wire import ResponseHeads
from restd.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer. An empty body has no type."""

    status: int = 200
    body: bytes = b""
    content_type: str = ""
    headers: Mapping[str, str] | None = None


class Given:
    """The handler gave the connection away and answers nothing."""


GIVEN = Given()

BROKE_OFF = "the request body broke off"

Outcome = Reply | Stream | Given


def dumps(value: Any) -> bytes:
    """JSON as it goes out, without a line end."""
    return json.dumps(value, separators=(",", ":")).encode()


def json_reply(value: Any, status: int = 200) -> Reply:
    """A JSON answer, with the newline that Go's encoder writes."""
    return Reply(status, dumps(value) + b"\n", wire.JSON)


def error_reply(status: int, message: str) -> Reply:
    """An error in Docker's form."""
    return json_reply({"message": message}, status)


class Glance:
    """A request that can be answered at once: what is in its first line."""

    __slots__ = ("_query_text", "name", "version")

    def __init__(self, version: Version, name: str, query: str) -> None:
        self.version = version
        self.name = name
        self._query_text = query

    @property
    def query(self) -> Query:
        """The parameters."""
        return Query(self._query_text)

    @property
    def plain(self) -> bool:
        """Whether there are no parameters."""
        return not self._query_text


class Call(Glance):
    """A request with its headers, body and connection. `version` is the API version, `name` what the path says."""

    __slots__ = ("_continued", "_lent", "_request", "opened")

    def __init__(self, request: web.BaseRequest, version: Version, name: str, query: str) -> None:
        super().__init__(version, name, query)
        self._request = request
        self._lent: Lent | None = None
        self._continued = False
        self.opened: Stream | None = None

    @property
    def protocol(self) -> DockerProtocol:
        """The connection below."""
        protocol = self._request.protocol
        assert isinstance(protocol, DockerProtocol)
        return protocol

    def header(self, name: str) -> str:
        """A header's value, empty if it is missing."""
        return self._request.headers.get(name, "")

    @property
    def heads(self) -> ResponseHeads:
        """The heads that the container room or a shim writes for this request."""
        return ResponseHeads(self.version)

    @property
    def given(self) -> bool:
        """Whether the connection was given away."""
        return self._lent is not None and self._lent.released

    async def object(self, *, limit: int = JSON_LIMIT, required: bool = True) -> dict[str, Any]:
        """The JSON object in the body. With `required` false, nothing at all stands for an empty object."""
        data = await self._read(limit)
        check_json_type(self._request.headers.get("Content-Type"), empty=not data)
        if not data and not required:
            return {}
        return decode_object(data)

    async def skip_body(self, limit: int = JSON_LIMIT) -> None:
        """Read and forget a body that means nothing here (dockerode sends its options with every request)."""
        await self._read(limit)

    async def _read(self, limit: int) -> bytes:
        self._continue()
        try:
            return await read_all(self._request.content, limit)
        except (web.RequestPayloadError, ConnectionError) as error:
            raise InvalidParameter(BROKE_OFF) from error

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body in parts, for archives: no limit, nothing kept. InvalidParameter if it breaks off."""
        self._continue()
        try:
            while part := await self._request.content.readany():
                yield part
        except (web.RequestPayloadError, ConnectionError) as error:
            raise InvalidParameter(BROKE_OFF) from error

    async def connection(self) -> Lent:
        """The connection, to be lent; the request's body has been read before."""
        await self.protocol.flush()
        self._lent = self.protocol.lend()
        if self._lent is None:
            raise InvalidParameter("the connection can't be taken over: the request's framing is ambiguous")
        return self._lent

    def stream(self, content_type: str, headers: Mapping[str, str] | None = None, *, endless: bool = False) -> Stream:
        """Begin an answer in parts: its head is written at once. A client that leaves cancels the handler.

        `endless`: a stop of the daemon ends it properly, instead of waiting for it.
        """
        self._continue()
        chunked = self._request.version >= (1, 1)
        head = wire.stream_head(200, content_type, chunked=chunked, headers=headers)
        self.opened = Stream(self.protocol, head, chunked=chunked, keep_alive=self._request.keep_alive, endless=endless)
        return self.opened

    def _continue(self) -> None:
        if not self._continued and self.header("Expect").lower() == "100-continue":
            self.protocol.write(wire.CONTINUE)
        self._continued = True
