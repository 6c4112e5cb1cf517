"""HTTP/1.1 as the client needs it, without I/O: request heads out, response heads and bodies in (RFC 9112)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

HEAD_LIMIT = 256 * 1024
_CHUNK_LINE_LIMIT = 4096
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class ProtocolError(Exception):
    """The other side does not speak HTTP as expected."""


def quote(text: str, safe: bytes = b"") -> str:
    """Percent-encode for a URL."""
    keep = _UNRESERVED.union(safe)
    return "".join([chr(byte) if byte in keep else f"%{byte:02X}" for byte in text.encode("utf-8", "surrogateescape")])


def query(values: Mapping[str, object]) -> str:
    """A query string with its `?`: None and False are left out, True is `1`, a list repeats its key."""
    parts = []
    for key, value in values.items():
        items = value if isinstance(value, list) else [value]
        texts = ["1" if item is True else str(item) for item in items if item is not None and item is not False]
        parts += [f"{key}={quote(text, b':/,')}" for text in texts]
    return "?" + "&".join(parts) if parts else ""


def request_head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """The bytes of a request up to its body. `target` is already encoded."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "User-Agent: isula-rest"]
    lines += [f"{key}: {value}" for key, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Head:
    """A response's status and headers (names in lower case)."""

    __slots__ = ("headers", "reason", "status")

    def __init__(self, status: int, reason: str, headers: dict[str, str]) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers

    @property
    def chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return self.headers.get("transfer-encoding", "").lower().endswith("chunked")

    @property
    def length(self) -> int | None:
        """The body's length if it is known beforehand."""
        if self.status in (204, 304) or self.status < 200:
            return 0
        text = self.headers.get("content-length")
        if text is None or self.chunked:
            return None
        if not (text.isascii() and text.isdigit()):
            raise ProtocolError("the engine's reply has a bad Content-Length")
        return int(text)


def parse_head(data: bytes) -> Head:
    """Read a response head, without the blank line at its end. Raises ProtocolError."""
    first, *rest = data.decode("latin-1").split("\r\n")
    version, _, status = first.partition(" ")
    code, _, reason = status.partition(" ")
    if not version.startswith("HTTP/1.") or len(code) != 3 or not (code.isascii() and code.isdigit()):
        raise ProtocolError("what answers there does not speak HTTP")
    headers = {}
    for line in rest:
        name, colon, value = line.partition(":")
        if not colon:
            raise ProtocolError("the engine's reply has a header line without a colon")
        headers[name.strip().lower()] = value.strip()
    return Head(int(code), reason, headers)


class Chunks:
    """Takes a chunked body apart. `feed` gives slices of what it was given, without copying; `done` at the end."""

    def __init__(self) -> None:
        self.done = False
        self._left = 0  # payload bytes of the present chunk still to come
        self._line = bytearray()  # a size line, trailer line or chunk end that is not complete yet
        self._state = "size"

    def feed(self, data: memoryview) -> list[memoryview]:
        """The payload slices in the data. Raises ProtocolError."""
        out: list[memoryview] = []
        at, end = 0, len(data)
        while at < end and not self.done:
            if self._left:
                take = min(self._left, end - at)
                out.append(data[at : at + take])
                self._left -= take
                at += take
                continue
            # A line is short: look for its end in a small window only.
            window = bytes(data[at : at + 512])
            newline = window.find(b"\n")
            if newline < 0:
                self._line += window
                at += len(window)
                if len(self._line) > _CHUNK_LINE_LIMIT:
                    raise ProtocolError("the engine's reply has an endless chunk header")
                continue
            at += newline + 1
            line = bytes(self._line + window[:newline]).rstrip(b"\r")
            self._line.clear()
            self._take_line(line)
        return out

    def _take_line(self, line: bytes) -> None:
        if self._state == "end":
            if line:
                raise ProtocolError("the engine's reply has a chunk of the wrong length")
            self._state = "size"
        elif self._state == "trailer":
            self.done = not line
        else:
            size = line.split(b";", 1)[0].strip()
            if not size or len(size) > 15 or size.strip(b"0123456789abcdefABCDEF"):
                raise ProtocolError("the engine's reply has a bad chunk size")
            self._left = int(size, 16)
            self._state = "end" if self._left else "trailer"
