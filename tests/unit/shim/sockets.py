"""A loop with its streams and one client's connection, for tests without a container."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Iterator

import pytest

from shim.clients import Clients
from shim.loop import Loop
from shim.protocol import ProcessSpec
from shim.streams import Streams


def readable(connection: socket.socket) -> bool:
    """Whether something (or the end) can be read now."""
    return bool(select.select([connection], [], [], 0)[0])


class Bench:
    """`step(condition)` runs the loop until the condition holds."""

    def __init__(self) -> None:
        self.loop = Loop(self._fail)
        self.streams = Streams(self.loop, None, self._nothing)
        output, self.container_out = os.pipe2(os.O_CLOEXEC)
        self.container_in, entry = os.pipe2(os.O_CLOEXEC)
        self.streams.add_source(output, 1)
        self.streams.add_sink().open(entry)
        self._sockets: list[socket.socket] = []
        self._clients: list[Clients] = []

    def turn(self) -> None:
        """Let the loop go round a few times."""
        for _ in range(3):
            self.loop.later(0.002, self.loop.stop)
            self.loop.run()
            self.loop._running = True

    def connection(self) -> tuple[socket.socket, int]:
        """A client's end, and the descriptor for the shim."""
        ours, theirs = socket.socketpair()
        ours.settimeout(5)
        self._sockets.append(ours)
        return ours, theirs.detach()

    def step(self, condition: Callable[[], object]) -> None:
        """Run until `condition()`, five seconds at most."""
        late = self.loop.later(5, lambda: pytest.fail("it did not come true"))

        def look() -> None:
            if condition():
                self.loop.stop()
            else:
                self.loop.later(0.001, look)

        look()
        self.loop.run()
        self.loop._running = True
        late.cancel()

    def clients(self, spec: ProcessSpec, events: list[str]) -> Clients:
        """Clients that are dropped in the end; `events` gets `detach` and `end`."""
        made = Clients(
            self.loop, spec, self.streams, None, lambda: events.append("detach"), lambda: events.append("end")
        )
        self._clients.append(made)
        return made

    def close(self) -> None:
        for clients in self._clients:
            for client in list(clients._attached):
                client.drop()
        self.streams.close()
        self.loop.close()
        for connection in self._sockets:
            connection.close()
        for descriptor in (self.container_in, self.container_out):
            os.close(descriptor)

    def _fail(self, error: Exception) -> None:
        raise error

    def _nothing(self) -> None:
        return


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()
