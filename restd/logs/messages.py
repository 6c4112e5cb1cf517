"""Lines of a json-file log to what a client gets: chosen, stamped, framed. No I/O.

A chunk of whole lines is taken apart, unescaped and put together with a few passes in C over all of it, which costs
well under a microsecond a line. That works on what this engine's shim writes. A chunk with anything else in it (a
line half written in a power cut, another engine's log, attributes) goes through a JSON decoder line by line.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from restd.lib.times import from_rfc3339, to_rfc3339
from restd.logs.query import LogQuery
from shim.protocol import STDERR, STDOUT

_FIRST = b'{"log":"'
_BETWEEN = b'Z"}\n{"log":"'
_LAST = b'Z"}\n'
_MIDDLES = {b'","stream":"stdout","time":"': STDOUT, b'","stream":"stderr","time":"': STDERR}
_MIDDLE = 28
_TIME = 29  # 2026-01-02T03:04:05.123456789
_TAIL = _MIDDLE + _TIME

_APART = b"\x01"
"""Between messages while they are unescaped together: control characters are always escaped in JSON."""
_BACKSLASH = b"\x02"
_ESCAPES = (
    (b"\\n", b"\n"),
    (b'\\"', b'"'),
    (b"\\r", b"\r"),
    (b"\\t", b"\t"),
    (b"\\u003c", b"<"),
    (b"\\u003e", b">"),
    (b"\\u0026", b"&"),
    (b"\\u001b", b"\x1b"),
    (b"\\u2028", "\u2028".encode()),
    (b"\\u2029", "\u2029".encode()),
    (b"\\ufffd", "\ufffd".encode()),
    (b"\\b", b"\b"),
    (b"\\f", b"\f"),
    (b"\\/", b"/"),
)
_RARE = re.compile(rb"\\u(00(?:0[3-9a-fA-F]|[1-7][0-9a-fA-F]))")
_HEADER = struct.Struct(">BxxxI")
_SHORT = 1024


@dataclass(frozen=True, slots=True)
class _Columns:
    """Messages side by side: text, stream, time without its `Z`, attributes (None if no message has any)."""

    texts: list[bytes]
    streams: list[int]
    times: list[bytes]
    attributes: list[bytes] | None = None


class Renderer:
    """Turns whole lines into a client's bytes.

    `framed`: each message under an 8-byte header, else bare. `past_until` turns true at the first message later than
    the query's `until`; nothing after it is wanted. `skipped` counts lines that were no messages.
    """

    def __init__(self, query: LogQuery, *, framed: bool) -> None:
        self._wanted = {stream for stream, asked in ((STDOUT, query.stdout), (STDERR, query.stderr)) if asked}
        self._since = stamp(query.since) if query.since else b""
        self._until = stamp(query.until) if query.until else b""
        self._timestamps = query.timestamps
        self._details = query.details
        self._framed = framed
        self._headers: dict[int, list[bytes]] = {}
        self.past_until = False
        self.skipped = 0

    def render(self, lines: bytes) -> bytes:
        """What the client gets of `lines` (each ended by a newline); may be empty."""
        columns = _columns(lines)
        if columns is None:
            columns = self._one_by_one(lines)
        columns = self._chosen(columns)
        texts = columns.texts
        if not texts:
            return b""
        before = self._before(columns)
        if before is not None:
            texts = [first + text for first, text in zip(before, texts, strict=True)]
        if not self._framed:
            return b"".join(texts)
        out = [b""] * (2 * len(texts))
        out[0::2] = self._heads(columns.streams, texts)
        out[1::2] = texts
        return b"".join(out)

    def _chosen(self, columns: _Columns) -> _Columns:
        """Without the messages that the query doesn't want."""
        streams, times = columns.streams, columns.times
        keep: Iterable[int] | None = None
        if not self._wanted.issuperset(streams):
            keep = [index for index, stream in enumerate(streams) if stream in self._wanted]
        if self._since and times and min(times) < self._since:
            keep = [index for index in _all(keep, times) if times[index] >= self._since]
        if self._until and times and max(times) > self._until:
            self.past_until = True
            keep = [index for index in _all(keep, times) if times[index] <= self._until]
        if keep is None:
            return columns
        attributes = columns.attributes
        return _Columns(
            [columns.texts[index] for index in keep],
            [streams[index] for index in keep],
            [times[index] for index in keep],
            [attributes[index] for index in keep] if attributes is not None else None,
        )

    def _before(self, columns: _Columns) -> list[bytes] | None:
        """What stands before each message: its time, its attributes. None if nothing does."""
        times = [time + b"Z " for time in columns.times] if self._timestamps else None
        if not self._details:
            return times
        details = [text + b" " for text in columns.attributes or [b""] * len(columns.texts)]
        return details if times is None else [one + other for one, other in zip(times, details, strict=True)]

    def _heads(self, streams: list[int], texts: list[bytes]) -> Iterable[bytes]:
        """The frame header of each message."""
        lengths = list(map(len, texts))
        kinds = set(streams)
        if max(lengths) >= _SHORT:
            return [_HEADER.pack(stream, length) for stream, length in zip(streams, lengths, strict=True)]
        tables = {kind: self._table(kind) for kind in kinds}
        if len(kinds) == 1:
            return map(tables[streams[0]].__getitem__, lengths)
        return [tables[stream][length] for stream, length in zip(streams, lengths, strict=True)]

    def _table(self, stream: int) -> list[bytes]:
        """The headers of one stream for all short lengths."""
        if stream not in self._headers:
            self._headers[stream] = [_HEADER.pack(stream, length) for length in range(_SHORT)]
        return self._headers[stream]

    def _one_by_one(self, lines: bytes) -> _Columns:
        """The slow way. Lines that are no messages are counted and left out."""
        columns = _Columns([], [], [], [])
        assert columns.attributes is not None
        for line in lines.split(b"\n"):
            if not line:
                continue
            try:
                text, stream, time, attributes = _message(line)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                self.skipped += 1
                continue
            if text:
                columns.texts.append(text)
                columns.streams.append(stream)
                columns.times.append(time)
                columns.attributes.append(attributes)
        return columns


def _all(keep: Iterable[int] | None, times: list[bytes]) -> Iterable[int]:
    return range(len(times)) if keep is None else keep


def stamp(nanoseconds: int) -> bytes:
    """A time as it stands in the log, without the `Z`: in this form times sort as text."""
    return to_rfc3339(nanoseconds)[:-1].encode()


def _columns(lines: bytes) -> _Columns | None:
    """Take apart lines that all have the shim's form; None if one has not."""
    if not lines.startswith(_FIRST) or not lines.endswith(_LAST) or _APART in lines or _BACKSLASH in lines:
        return None
    pieces = lines[len(_FIRST) : -len(_LAST)].split(_BETWEEN)
    middles = [piece[-_TAIL:-_TIME] for piece in pieces]
    kinds = set(middles)
    if not _MIDDLES.keys() >= kinds:
        return None
    joined = _APART.join([piece[:-_TAIL] for piece in pieces])
    plain = _unescape(joined) if b"\n" not in joined else None
    if plain is None:
        return None
    texts = plain.split(_APART)
    if b"" in texts:
        return None
    streams = [_MIDDLES[middles[0]]] * len(pieces) if len(kinds) == 1 else [_MIDDLES[middle] for middle in middles]
    return _Columns(texts, streams, [piece[-_TIME:] for piece in pieces])


def _unescape(text: bytes) -> bytes | None:
    """Undo JSON's escapes; None for the few that are left to the JSON decoder."""
    left = text.count(b"\\")
    if not left:
        return text
    newlines = text.count(b"\\n")
    if left == newlines:  # so none of them is a backslash followed by an n
        return text.replace(b"\\n", b"\n")
    doubled = b"\\\\" in text
    if doubled:
        text = text.replace(b"\\\\", _BACKSLASH)
    for escape, plain in _ESCAPES:
        text = text.replace(escape, plain)
    if b"\\u" in text:
        text = _RARE.sub(lambda match: bytes((int(match[1], 16),)), text)
    if b"\\" in text:
        return None
    return text.replace(_BACKSLASH, b"\\") if doubled else text


def _message(line: bytes) -> tuple[bytes, int, bytes, bytes]:
    """Text, stream, time and attributes of one line; raises whatever is wrong with it."""
    entry = json.loads(line)
    stream = {"stdout": STDOUT, "stderr": STDERR}[entry["stream"]]
    text = entry["log"].encode("utf-8", "replace")
    attributes = ",".join(
        f"{quote(str(key), safe='')}={quote(str(value), safe='')}"
        for key, value in sorted((entry.get("attrs") or {}).items())
    )
    return text, stream, stamp(from_rfc3339(entry["time"])), attributes.encode()
