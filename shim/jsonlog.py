"""Docker's json-file format: bytes of output in, `{"log":...,"stream":...,"time":...}` lines out. No I/O.

Written for whole chunks at a time, each step one pass in C, since a line costs well under a microsecond that way and
several with a JSON encoder. Escaping is that of Go's encoder, which Docker uses: `<`, `>`, `&`, U+2028 and U+2029 are
escaped, each byte that is not UTF-8 becomes U+FFFD.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from json.encoder import encode_basestring

MESSAGE_LIMIT = 16 << 10
"""Bytes of one message; longer lines are split (Docker's copier buffer)."""

STREAM_NAMES = {1: b"stdout", 2: b"stderr"}

_NAMED = {
    ord("\\"): b"\\\\",
    ord('"'): b'\\"',
    ord("\r"): b"\\r",
    ord("<"): b"\\u003c",
    ord(">"): b"\\u003e",
    ord("&"): b"\\u0026",
}
_ESCAPED = [ord("\\"), *(code for code in range(0x80) if (code < 0x20 or code in _NAMED) and code not in b"\\\n")]
"""What is escaped of ASCII; the backslash first, since the other replacements bring backslashes in."""
_PLAIN = bytes(code for code in range(0x80) if code not in _ESCAPED)
_HIGH = bytes(range(0x80, 0x100))
_MANY, _DENSE = 512, 3
"""More bytes to escape than MANY and one in DENSE: a JSON encoder's one pass beats one for each kind of byte."""
_OTHERWISE_NAMED = b"\b\t\f"
"""What a JSON encoder has short names for, and Docker has not."""
_PADDING = bytes(64)
_PADDINGS = re.compile(rb"(\0\0{63,})")
"""Zeros as they pad images and archives: a run is escaped at once. The first stands apart, to be searched for."""
_SEPARATORS = (("\u2028".encode(), b"\\u2028"), ("\u2029".encode(), b"\\u2029"))
_BATCH = 8


class Clock:
    """Times for messages: strictly increasing nanoseconds, never behind the real time.

    Within a batch the nanoseconds count messages, so that no two messages of a log have the same time and a reader
    can go on from one without a gap or a repeat.
    """

    def __init__(self) -> None:
        self._last = 0
        self._second = -1
        self._text = b""

    def take(self, count: int) -> int:
        """The first of `count` consecutive times."""
        first = max(self._last + 1, time.time_ns())
        self._last = first + count - 1
        return first

    def text(self, moment: int) -> bytes:
        """`2026-01-02T03:04:05.123456`: the microseconds of `moment`."""
        second, rest = divmod(moment // 1000, 1_000_000)
        if second != self._second:
            self._second = second
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second)).encode()
        return b"%b%06d" % (self._text, rest)


class Encoder:
    """Cuts the output of the container's streams into messages and encodes them.

    Keeps at most one unfinished message (under MESSAGE_LIMIT bytes) a stream. `endings` is `message_endings()`,
    made once before the fork so that shims share it.
    """

    def __init__(self, clock: Clock, endings: list[bytes]) -> None:
        self._clock = clock
        self._endings = endings
        self._partial = {1: b"", 2: b""}

    def partial(self, stream: int) -> bytes:
        """The unfinished message of `stream`: received, not encoded yet."""
        return self._partial[stream]

    def feed(self, stream: int, chunk: bytes) -> Iterator[bytes]:
        """Encoded messages for all that `chunk` completes, some at a time: escaping may make six bytes of one."""
        data = self._partial[stream] + chunk if self._partial[stream] else chunk
        end = data.rfind(b"\n") + 1
        *pieces, self._partial[stream] = _cut(data[end:])
        start = 0
        while start < end:
            stop = data.rfind(b"\n", start, start + MESSAGE_LIMIT) + 1
            if stop:
                yield self._lines(stream, data[start:stop])
            else:
                stop = data.index(b"\n", start + MESSAGE_LIMIT) + 1
                yield from (self._message(stream, piece) for piece in _cut(data[start:stop]) if piece)
            start = stop
        yield from (self._message(stream, piece) for piece in pieces)

    def finish(self, stream: int) -> bytes:
        """The last message of a stream that has ended without a newline; empty if there is none."""
        rest, self._partial[stream] = self._partial[stream], b""
        return self._message(stream, rest) if rest else b""

    def note(self, text: str) -> bytes:
        """A message of the shim's own, on stderr."""
        return self._message(2, text.encode() + b"\n")

    def _lines(self, stream: int, data: bytes) -> bytes:
        """Encode `data`, whole lines of no more than MESSAGE_LIMIT bytes."""
        lines = _escape(data).split(b"\n")
        lines.pop()
        count = len(lines)
        if count < _BATCH:
            return b"".join([self._wrap(stream, line + b"\\n") for line in lines])
        out: list[bytes] = [b""] * (3 * count)
        out[0::3] = lines
        out[2::3], micros = self._times(count)
        name = STREAM_NAMES[stream]
        position = 0
        for moment, run in micros:
            out[1 + 3 * position : 1 + 3 * (position + run) : 3] = [
                b'\\n","stream":"%b","time":"%b' % (name, self._clock.text(moment))
            ] * run
            position += run
        out[-1] = out[-1][: -len(_OPENING)]
        return _OPENING + b"".join(out)

    def _times(self, count: int) -> tuple[list[bytes], list[tuple[int, int]]]:
        """Endings for `count` messages, and the runs that share a microsecond as (moment, length)."""
        first = self._clock.take(count)
        endings: list[bytes] = []
        runs: list[tuple[int, int]] = []
        moment = first
        while count:
            start = moment % 1000
            run = min(count, 1000 - start)
            endings += self._endings[start : start + run]
            runs.append((moment, run))
            moment += run
            count -= run
        return endings, runs

    def _message(self, stream: int, piece: bytes) -> bytes:
        """One message; only its last byte may be a newline."""
        return self._wrap(stream, _escape(piece).replace(b"\n", b"\\n"))

    def _wrap(self, stream: int, escaped: bytes) -> bytes:
        moment = self._clock.take(1)
        return b'%b%b","stream":"%b","time":"%b%03dZ"}\n' % (
            _OPENING,
            escaped,
            STREAM_NAMES[stream],
            self._clock.text(moment),
            moment % 1000,
        )


_OPENING = b'{"log":"'


def message_endings() -> list[bytes]:
    """What stands between the microseconds of one message and the text of the next, for each of 1000 nanoseconds."""
    return [b'%03dZ"}\n%b' % (number, _OPENING) for number in range(1000)]


def _cut(line: bytes) -> list[bytes]:
    """Pieces of MESSAGE_LIMIT bytes, or up to three fewer so that no UTF-8 character is cut; the last may be empty."""
    pieces = []
    start = 0
    while len(line) - start >= MESSAGE_LIMIT:
        end = start + MESSAGE_LIMIT
        for back in range(1, 4):
            lead = line[end - back]
            if lead >= 0xC0:
                width = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
                if width > back:
                    end -= back
                break
            if lead < 0x80:
                break
        pieces.append(line[start:end])
        start = end
    pieces.append(line[start:])
    return pieces


def _escape(data: bytes) -> bytes:
    """`data` as the inside of a JSON string in UTF-8, newlines left alone."""
    if _PADDING not in data:
        return _escape_mixed(data)
    pieces = _PADDINGS.split(data)  # what matched is at the odd places
    pieces[0::2] = [_escape_mixed(piece) for piece in pieces[0::2]]
    pieces[1::2] = [b"\\u0000" * len(piece) for piece in pieces[1::2]]
    return b"".join(pieces)


def _escape_mixed(data: bytes) -> bytes:
    """`_escape` of data without long runs of zeros; with them it is right too, and slow."""
    odd = data.translate(None, _PLAIN)
    if not odd:
        return data
    if not odd.isascii():
        odd = odd.translate(None, _HIGH)
    if len(odd) > _MANY and len(odd) * _DENSE > len(data) and not any(code in odd for code in _OTHERWISE_NAMED):
        quoted = [encode_basestring(line)[1:-1] for line in data.decode("latin-1").split("\n")]
        data = "\n".join(quoted).encode("latin-1")
        kinds = list(b"<>&")
    else:
        kinds = [code for code in _ESCAPED if code in odd]
    for code in kinds:
        data = data.replace(bytes((code,)), _NAMED.get(code) or b"\\u%04x" % code)
    return data if data.isascii() else _valid(data)


def _valid(data: bytes) -> bytes:
    """`data`, without control characters, as UTF-8 with U+FFFD for each byte that is not; separators escaped.

    One for each byte is what Go does; Python's `replace` makes one of a character that breaks off, but on encoding it
    makes a `?` of each lone surrogate, and `surrogateescape` makes one of those for each byte. Real question marks
    stand aside meanwhile.
    """
    try:
        data.decode()
    except UnicodeDecodeError:
        text = data.replace(b"?", b"\x01").decode("utf-8", "surrogateescape")
        data = text.encode("utf-8", "replace").replace(b"?", b"\xef\xbf\xbd").replace(b"\x01", b"?")
    for raw, escaped in _SEPARATORS:
        if raw in data:
            data = data.replace(raw, escaped)
    return data
