"""An engine made of prepared answers, on a unix socket, and the client run against it in this process."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from client.program import run

Answer = tuple[int, Any] | Callable[[socket.socket], None]


class Request:
    """What the client sent."""

    def __init__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        self.method = method
        self.path, _, self.query = target.partition("?")
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}" + (f"?{self.query}" if self.query else "")


class FakeEngine:
    """Answers `METHOD path` by a table: (status, JSON or bytes), or a function that gets the connection.

    A function writes the whole reply itself. A list of answers is used up one by one.
    """

    def __init__(self, answers: dict[str, Answer | list[Answer]]) -> None:
        self._answers = answers
        self.requests: list[Request] = []
        self._place = tempfile.mkdtemp(prefix="isula-client-")
        self.path = os.path.join(self._place, "s")
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.path)
        self._listener.listen(64)
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept)

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(5)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)
        shutil.rmtree(self._place)

    def run(self, *words: str) -> int:
        """Run the client."""
        return run(["-H", f"unix://{self.path}", *words])

    def lines(self) -> list[str]:
        """The requests so far, in short."""
        return [request.line for request in self.requests]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(BrokenPipeError, ConnectionResetError):
            connection.settimeout(10)
            request = read_request(connection)
            if request is None:
                return
            self.requests.append(request)
            answer = self._answers.get(f"{request.method} {request.path}", (404, {"message": "page not found"}))
            if isinstance(answer, list):
                answer = answer.pop(0)
            if callable(answer):
                answer(connection)
                return
            status, body = answer
            data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
            head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
            connection.sendall(head.encode() + (b"" if status in (204, 304) else data))


def read_request(connection: socket.socket) -> Request | None:
    """Read one request with its body."""
    with connection.makefile("rb") as file:
        first = file.readline().decode().split()
        if not first:
            return None
        headers = {}
        while line := file.readline().decode().strip():
            key, _, value = line.partition(":")
            headers[key.lower()] = value.strip()
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(file.readline(), 16):
                body += file.read(size)
                file.readline()
            file.readline()
        else:
            body = file.read(int(headers.get("content-length", 0)))
    return Request(first[0], first[1], headers, body)


def stream(data: bytes) -> Callable[[socket.socket], None]:
    """An answer that switches protocols, sends these bytes and ends."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n" + data)

    return answer


def chunked(*parts: bytes, end: bool = True) -> Callable[[socket.socket], None]:
    """An answer of several chunks; without `end` it is cut off."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in parts:
            connection.sendall(b"%x\r\n%b\r\n" % (len(part), part))
        if end:
            connection.sendall(b"0\r\n\r\n")

    return answer


def frame(kind: int, data: bytes) -> bytes:
    """One frame of a stream without a terminal."""
    return bytes((kind, 0, 0, 0)) + len(data).to_bytes(4, "big") + data
