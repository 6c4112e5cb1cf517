"""HTTP over a unix socket with every byte under the test's control."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

STDOUT = 1
STDERR = 2


@dataclass(frozen=True)
class Reply:
    """A whole HTTP answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """The text of an error answer."""
        return str(self.json()["message"])


def request(method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> bytes:
    """The bytes of one request; `Content-Length` is added when there is a body and no `Transfer-Encoding`."""
    fields = {"Host": "localhost", **(headers or {})}
    if body is not None and "Transfer-Encoding" not in fields:
        fields.setdefault("Content-Length", str(len(body)))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + (body or b"")


def post_json(path: str, value: Any, headers: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a POST with a JSON body."""
    return request("POST", path, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})


UPGRADE = {"Connection": "Upgrade", "Upgrade": "tcp"}


class Wire:
    """One connection to an engine. A context manager; nothing is sent that the test did not ask for."""

    def __init__(self, path: str, timeout: float = 30.0, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise
        self._buffer = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close both directions."""
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        self.socket.sendall(data)

    def half_close(self) -> None:
        """End our side; the other may go on."""
        self.socket.shutdown(socket.SHUT_WR)

    def more(self) -> bool:
        """Receive once into the buffer; False at the end of the stream."""
        data = self.socket.recv(1 << 20)
        self._buffer += data
        return bool(data)

    def take(self, count: int) -> bytes:
        """Exactly `count` bytes; fewer only at the end of the stream."""
        while len(self._buffer) < count and self.more():
            pass
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def until(self, mark: bytes) -> bytes:
        """All up to and with `mark`; EOFError if the stream ends first."""
        while mark not in self._buffer:
            if not self.more():
                raise EOFError(f"stream ended before {mark!r}: {bytes(self._buffer[-300:])!r}")
        return self.take(self._buffer.index(mark) + len(mark))

    def rest(self) -> bytes:
        """Everything up to the end of the stream."""
        while self.more():
            pass
        return self.take(len(self._buffer))

    def head(self) -> Reply:
        """The head of an answer; its `body` is empty and still to be read."""
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            if line:
                name, _, value = line.partition(":")
                headers[name.strip().lower()] = value.strip()
        return Reply(int(lines[0].split(" ", 2)[1]), headers, b"")

    def answer(self, body: bool = True) -> Reply:
        """One whole answer by its own framing: length, chunks, or until the end."""
        head = self.head()
        return self.body_of(head) if body else head

    def body_of(self, head: Reply) -> Reply:
        """The answer with its body, when its head has been read."""
        if head.status in (204, 304) or head.status < 200:
            return head
        if head.headers.get("transfer-encoding") == "chunked":
            data = b"".join(self.chunks())
        elif "content-length" in head.headers:
            data = self.take(int(head.headers["content-length"]))
        else:
            data = self.rest()
        return Reply(head.status, head.headers, data)

    def chunks(self) -> Iterator[bytes]:
        """The chunks of a chunked body, as they come."""
        while size := int(self.until(b"\r\n").split(b";")[0], 16):
            yield self.take(size)
            self.take(2)
        self.until(b"\r\n")

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """Frames of a multiplexed stream: (stream, payload)."""
        while header := self.take(8):
            kind, size = unpack_header(header)
            yield kind, self.take(size)


def unpack_header(header: bytes) -> tuple[int, int]:
    """Stream and length from a frame's eight bytes; the three between must be zero."""
    assert len(header) == 8, f"cut frame header {header!r}"
    kind, pad, size = struct.unpack(">B3sL", header)
    assert pad == b"\0\0\0", f"not a frame header: {header!r}"
    assert kind in (0, 1, 2, 3), f"unknown stream {kind}"
    return kind, size


def frames_of(data: bytes) -> list[tuple[int, bytes]]:
    """Take a whole multiplexed body apart; AssertionError when the last frame is cut."""
    frames = []
    at = 0
    while at < len(data):
        kind, size = unpack_header(data[at : at + 8])
        payload = data[at + 8 : at + 8 + size]
        assert len(payload) == size, "cut frame"
        frames.append((kind, payload))
        at += 8 + size
    return frames


def split_streams(data: bytes) -> tuple[bytes, bytes]:
    """(stdout, stderr) of a multiplexed body."""
    frames = frames_of(data)
    return b"".join(p for k, p in frames if k == STDOUT), b"".join(p for k, p in frames if k == STDERR)


def is_closed(sock: socket.socket) -> bool:
    """Whether the other side has ended the connection, without waiting."""
    with contextlib.suppress(BlockingIOError):
        sock.setblocking(False)
        try:
            return sock.recv(1, socket.MSG_PEEK) == b""
        except ConnectionResetError:
            return True
        finally:
            sock.setblocking(True)
    return False
