"""The connection to the engine: one HTTP exchange a socket, nothing between the socket and the caller's buffer."""

from __future__ import annotations

import json
import os
import socket
import stat
from contextlib import suppress

from client.errors import ClientError, EngineError, Unreachable
from client.http1 import HEAD_LIMIT, Chunks, Head, ProtocolError, parse_head, query, request_head

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from client.address import Address

CONNECT_SECONDS = 10.0
_SMALL = 64 * 1024
_LARGE = 1024 * 1024
_ERROR_LIMIT = 1024 * 1024


class Engine:
    """The engine at an address. `version` pins the API version; without one the engine's own newest is used."""

    def __init__(self, address: Address, version: str = "") -> None:
        self.address = address
        self._prefix = f"/v{version}" if version else ""

    def send(
        self,
        method: str,
        path: str,
        values: Mapping[str, object] | None = None,
        body: object = None,
        upload: int | None = None,
        upgrade: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request and return at once; the reply's head is read when it is asked for.

        `body` is sent as JSON; `upload` is a descriptor whose bytes are the body. `upgrade` asks for a raw stream.
        """
        fields = dict(headers or {})
        fields["Connection"] = "Upgrade" if upgrade else "close"
        if upgrade:
            fields["Upgrade"] = "tcp"
        payload = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        length: int | None = None
        if upload is not None:
            length = _remaining(upload)
            fields["Content-Type"] = "application/x-tar"
            if length is None:
                fields["Transfer-Encoding"] = "chunked"
            else:
                fields["Content-Length"] = str(length)
        elif body is not None:
            fields["Content-Type"] = "application/json"
            fields["Content-Length"] = str(len(payload))
        elif method == "POST":
            fields["Content-Length"] = "0"
        head = request_head(method, self._prefix + path + query(values or {}), fields)
        connection = self._connect()
        try:
            try:
                connection.sendall(head + payload)
                if upload is not None:
                    _upload(connection, upload, length)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the engine may have answered before it read everything: its reply tells why
        except BaseException:
            connection.close()
            raise
        return Reply(connection)

    def open(self, method: str, path: str, values: Mapping[str, object] | None = None, **more: Any) -> Reply:
        """Send a request and wait for the head of a reply that says yes. Raises EngineError for one that says no."""
        reply = self.send(method, path, values, **more)
        try:
            reply.check()
        except BaseException:
            reply.close()
            raise
        return reply

    def call(self, method: str, path: str, values: Mapping[str, object] | None = None, body: object = None) -> Any:
        """Send a request and return the reply's JSON, None if there is none."""
        with self.send(method, path, values, body) as reply:
            return reply.json()

    def _connect(self) -> socket.socket:
        address = self.address
        try:
            if address.path:
                connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                try:
                    connection.settimeout(CONNECT_SECONDS)
                    connection.connect(address.path)
                except BaseException:
                    connection.close()
                    raise
            else:
                connection = socket.create_connection((address.host, address.port), CONNECT_SECONDS)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except PermissionError as error:
            raise Unreachable(
                f"permission denied at {address.text}: use sudo, or join the group that the socket belongs to"
            ) from error
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise Unreachable(
                f"no engine answers at {address.text}: is isula-restd running? (-H or ISULA_HOST name another address)"
            ) from error
        except OSError as error:
            raise Unreachable(f"no connection to {address.text}: {error.strerror or error}") from error
        connection.settimeout(None)
        return connection


class Reply:
    """A reply as it arrives. Close it, or read it to its end."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.early = b""  # body bytes that came with the head
        self._head: Head | None = None

    def close(self) -> None:
        """Give up the connection."""
        self.connection.close()

    def __enter__(self) -> Reply:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def head(self) -> Head:
        """The status and headers; waits for them at the first use."""
        if self._head is None:
            self._head = self._read_head()
        return self._head

    def check(self) -> Head:
        """The head of a reply that says yes; raises EngineError with the engine's message otherwise."""
        head = self.head
        if head.status < 400:
            return head
        data = self.read(_ERROR_LIMIT)
        message = data.decode("utf-8", "replace").strip()
        with suppress(ValueError, KeyError, TypeError):  # not JSON: the text itself is the message
            message = json.loads(data)["message"]
        raise EngineError(head.status, message or f"{head.status} {head.reason}, with no explanation")

    def json(self) -> Any:
        """The whole body as JSON, None if it is empty. Raises EngineError if the engine says no."""
        self.check()
        data = self.read()
        try:
            return json.loads(data) if data.strip() else None
        except ValueError as error:
            raise ClientError("the engine's reply is not valid JSON") from error

    def read(self, limit: int | None = None) -> bytes:
        """The body, up to a limit if one is given."""
        whole = bytearray()
        for slices in self.blocks(_SMALL):
            for part in slices:
                whole += part
            if limit is not None and len(whole) > limit:
                break
        return bytes(whole)

    def lines(self) -> Iterator[Any]:
        """The JSON values of a body that sends one a line, each as soon as it is there."""
        rest = b""
        for slices in self.blocks(_SMALL):
            *whole, rest = (rest + b"".join(slices)).split(b"\n")
            yield from (self._line(line) for line in whole if line.strip())
        if rest.strip():
            yield self._line(rest)

    def blocks(self, size: int = _LARGE) -> Iterator[list[memoryview]]:
        """The body in slices of one buffer, which are valid until the next step; at its end the connection is closed.

        Raises ClientError if the body is cut off.
        """
        head = self.head
        buffer = bytearray(size)
        view = memoryview(buffer)
        data = memoryview(self.early)
        chunks = Chunks() if head.chunked else None
        left = head.length
        try:
            while True:
                if chunks is not None:
                    slices = chunks.feed(data)
                    if slices:
                        yield slices
                    if chunks.done:
                        return
                else:
                    if left is not None:
                        data = data[:left]
                        left -= len(data)
                    if data:
                        yield [data]
                    if left == 0:
                        return
                count = self.connection.recv_into(view)
                if not count:
                    if chunks is None and left is None:
                        return
                    raise ClientError("the connection ended before the engine's reply was complete")
                data = view[:count]
        except ProtocolError as error:
            raise ClientError(str(error)) from error
        except OSError as error:
            raise ClientError(f"the connection to the engine was lost: {error.strerror or error}") from error
        finally:
            self.close()

    def _read_head(self) -> Head:
        try:
            data = b""
            while True:
                end = data.find(b"\r\n\r\n")
                if end >= 0:
                    head = parse_head(data[:end])
                    data = data[end + 4 :]
                    if head.status != 100:
                        self.early = data
                        return head
                    continue
                if len(data) > HEAD_LIMIT:
                    raise ProtocolError("the engine's reply has an endless head")
                more = self.connection.recv(_SMALL)
                if not more:
                    raise ProtocolError("the engine closed the connection without a reply")
                data += more
        except ProtocolError as error:
            raise ClientError(str(error)) from error
        except OSError as error:
            raise ClientError(f"the connection to the engine was lost: {error.strerror or error}") from error

    def _line(self, line: bytes) -> Any:
        try:
            return json.loads(line)
        except ValueError as error:
            raise ClientError("the engine's reply is not valid JSON") from error


def _remaining(descriptor: int) -> int | None:
    """The bytes from a regular file's present position to its end; None for pipes and the like."""
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        return None
    return max(0, about.st_size - os.lseek(descriptor, 0, os.SEEK_CUR))


def _upload(connection: socket.socket, descriptor: int, length: int | None) -> None:
    """Send a body: a regular file by the kernel alone, anything else in chunks."""
    if length is not None:
        while length:
            sent = os.sendfile(
                connection.fileno(), descriptor, None, min(length, 1 << 30)
            )  # None: from the file's own position
            if not sent:
                raise ClientError("the file became shorter while it was sent")
            length -= sent
        return
    while True:
        data = os.read(descriptor, _LARGE)
        connection.sendall(b"%x\r\n%b\r\n" % (len(data), data))
        if not data:
            return
