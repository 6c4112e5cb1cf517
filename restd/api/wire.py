"""Response heads and chunked framing, as bytes. No I/O.

Every head carries what a Docker client looks for on any answer: `Api-Version`, `Docker-Experimental`, `Ostype`, and a
`Server` of the form `Docker/VERSION (OS)`, from which the docker CLI reads the daemon's system. A content type is sent
as it stands: clients compare `application/json` for equality, so no charset is ever added to it.
"""

from __future__ import annotations

import http
import time
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache

from restd import __version__
from restd.api.versions import NEWEST, Version, text_of

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
TAR = "application/x-tar"
RAW_STREAM = "application/vnd.docker.raw-stream"
MULTIPLEXED_STREAM = "application/vnd.docker.multiplexed-stream"

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"

_COMMON = (
    f"Api-Version: {text_of(NEWEST)}\r\n"
    "Docker-Experimental: false\r\n"
    "Ostype: linux\r\n"
    f"Server: Docker/{__version__} (linux)\r\n"
)
_MULTIPLEXED_SINCE: Version = (1, 42)


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


@lru_cache(maxsize=256)
def _start(status: int, content_type: str) -> str:
    line = f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\n{_COMMON}"
    return f"{line}Content-Type: {content_type}\r\n" if content_type else line


def _fields(headers: Mapping[str, str] | None) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()) if headers else ""


def whole_head(status: int, content_type: str, length: int, headers: Mapping[str, str] | None = None) -> bytes:
    """The head of an answer whose body has `length` bytes. A 304 has neither length nor type (RFC 9110, 15.4.5)."""
    if status in (204, 304):
        return f"{_start(status, '')}Date: {_date(int(time.time()))}\r\n{_fields(headers)}\r\n".encode("latin-1")
    return (
        f"{_start(status, content_type)}Content-Length: {length}\r\n"
        f"Date: {_date(int(time.time()))}\r\n{_fields(headers)}\r\n"
    ).encode("latin-1")


def stream_head(status: int, content_type: str, *, chunked: bool, headers: Mapping[str, str] | None = None) -> bytes:
    """The head of an answer that is written in parts: chunked, or (HTTP/1.0) ended by the connection's close."""
    framing = "Transfer-Encoding: chunked\r\n" if chunked else "Connection: close\r\n"
    return (f"{_start(status, content_type)}{framing}Date: {_date(int(time.time()))}\r\n{_fields(headers)}\r\n").encode(
        "latin-1"
    )


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; `data` must not be empty, which would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class ResponseHeads:
    """The heads that are written outside this door, for one request's API version (`restd.model.connection.Heads`)."""

    def __init__(self, version: Version) -> None:
        self._version = version

    def stream_head(self, *, upgrade: bool, framed: bool) -> bytes:
        """The head of a hijacked stream.

        With `upgrade` a 101 whose type, since API 1.42, tells framed from raw; without, a 200 that always says raw and
        ends by the connection's close. The label never changes the bytes that follow.
        """
        if not upgrade:
            return f"HTTP/1.1 200 OK\r\n{_COMMON}Content-Type: {RAW_STREAM}\r\nConnection: close\r\n\r\n".encode()
        content_type = logs_type(self._version, framed=framed)
        return (
            f"HTTP/1.1 101 UPGRADED\r\n{_COMMON}Content-Type: {content_type}\r\n"
            "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
        ).encode()

    def wait_head(self) -> bytes:
        """The head of a held `wait`: one chunk follows when the container ends, and the connection is closed."""
        return (
            f"HTTP/1.1 200 OK\r\n{_COMMON}Content-Type: {JSON}\r\n"
            "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        ).encode()


def logs_type(version: Version, *, framed: bool) -> str:
    """The content type of a log or of an upgraded stream."""
    return MULTIPLEXED_STREAM if framed and version >= _MULTIPLEXED_SINCE else RAW_STREAM
