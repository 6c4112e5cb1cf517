"""Where requests begin and end in the bytes of a connection. Pure: bytes in, positions out.

aiohttp parses the requests; this only finds their borders, so that the bytes behind a request that may take the
connection over (attach, exec start, wait) are never parsed as HTTP. Source: RFC 9112, sections 2 to 7.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HEAD_LIMIT = 1 << 20
"""Bytes of request line and headers, as Go's server has it."""
_CHUNK_LINE_LIMIT = 4096

_END = re.compile(rb"\r?\n\r?\n")
_TAKING_OVER = re.compile(
    rb"POST (?:/v[0-9.]+)?/(?:containers/[^/? ]+/(?:attach|wait)|exec/[^/? ]+/start)/?[? ]",
)
_LENGTH = re.compile(rb"\ncontent-length[ \t]*:[ \t]*([0-9]{1,18})[ \t]*\r?\n", re.IGNORECASE)
_LENGTH_FIELD = re.compile(rb"\ncontent-length[ \t]*:", re.IGNORECASE)
_CODING = re.compile(rb"\ntransfer-encoding[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_UPGRADE = re.compile(rb"\nupgrade[ \t]*:[ \t]*([^\r\n]*)\r?(?=\n)", re.IGNORECASE)
_CONNECTION = re.compile(rb"\nconnection[ \t]*:([^\r\n]*)(\r?)(?=\n)", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")


class LengthScanner:
    """A body of known length: `take` says how many of the next bytes are its."""

    def __init__(self, length: int) -> None:
        self._left = length

    @property
    def done(self) -> bool:
        """Whether the whole body has passed."""
        return self._left == 0

    def take(self, data: bytes) -> int:
        """The number of leading bytes of `data` that belong to the body."""
        count = min(self._left, len(data))
        self._left -= count
        return count


class ChunkScanner:
    """A chunked body, trailers included. ValueError for bytes that are not one."""

    def __init__(self) -> None:
        self._left = 0  # bytes of the present chunk and of the line end behind it
        self._line = b""  # the part of a size or trailer line that came so far
        self._trailers = False
        self.done = False

    def take(self, data: bytes) -> int:
        """The number of leading bytes of `data` that belong to the body."""
        position = 0
        while position < len(data) and not self.done:
            if self._left:
                count = min(self._left, len(data) - position)
                self._left -= count
                position += count
                continue
            end = data.find(b"\n", position)
            if end < 0:
                self._line += data[position:]
                if len(self._line) > _CHUNK_LINE_LIMIT:
                    raise ValueError("chunk size line too long")
                return len(data)
            line, self._line = self._line + data[position : end + 1], b""
            position = end + 1
            self._take_line(line)
        return position

    def _take_line(self, line: bytes) -> None:
        if self._trailers:
            self.done = line in (b"\r\n", b"\n")
            return
        match = _CHUNK_SIZE.fullmatch(line)
        if match is None:
            raise ValueError(f"not a chunk size: {line[:64]!r}")
        size = int(match[1], 16)
        if size == 0:
            self._trailers = True
        else:
            self._left = size + 2


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What the borders hang on.

    `data`: the head as aiohttp shall see it, without any offer to upgrade. `body`: how the body ends, None for no
    body. `takes_over`: the request may take the connection. `upgrade`: it offered to.
    """

    data: bytes
    body: LengthScanner | ChunkScanner | None
    takes_over: bool
    upgrade: bool


def head_end(data: bytes | bytearray, start: int = 0) -> int:
    """The position behind the empty line that ends a head, or -1. `start`: where a search may begin."""
    match = _END.search(data, start)
    return match.end() if match else -1


def read_head(head: bytes) -> RequestHead | None:
    """The borders of a request from its complete head; None if they cannot be told for sure.

    That is so for two lengths, a length beside a transfer coding, and codings other than `chunked`: such a request is
    aiohttp's to judge, and nothing behind it is looked at.
    """
    body: LengthScanner | ChunkScanner | None = None
    lengths = _LENGTH_FIELD.findall(head)
    coding = _CODING.findall(head)
    if coding:
        if lengths or len(coding) > 1 or coding[0].strip().lower() != b"chunked":
            return None
        body = ChunkScanner()
    elif lengths:
        length = _LENGTH.findall(head)
        if len(lengths) > 1 or len(length) != 1:
            return None
        body = LengthScanner(int(length[0])) if int(length[0]) else None
    upgrade = _UPGRADE.search(head) is not None
    if upgrade:
        head = _without_upgrade(head)
    return RequestHead(head, body, _TAKING_OVER.match(head) is not None, upgrade)


def _without_upgrade(head: bytes) -> bytes:
    """Without the Upgrade header and its mention in Connection, for which aiohttp would stop to parse."""
    head = _UPGRADE.sub(b"", head)

    def keep(match: re.Match[bytes]) -> bytes:
        options = [option for option in match[1].split(b",") if option.strip().lower() != b"upgrade"]
        return b"\nConnection:" + b",".join(options) + match[2] if options else b""

    return _CONNECTION.sub(keep, head)
