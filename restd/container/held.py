"""Client connections that wait for a shim to be born: attaches and waits that come before the start.

That is the usual order (the docker CLI: create, attach, wait, start). Their response head has been sent, so that the
client goes on to start the container. `handed` gives them to the start, `release` ends them at a removal, and the
`HangupWatch` drops those whose client has left: each `docker run -d` leaves a wait behind.

All of it runs on the event loop, with `entry.lock` held wherever connections are added or taken.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import socket
from collections.abc import Iterable

from restd.container.registry import Entry, Held
from restd.errors import Conflict
from restd.lib.tasks import TaskGroup
from restd.model.connection import Borrowed, Connection
from restd.runtime.base import Handed
from shim.protocol import ATTACH_LIMIT, Attach, Wait

WAIT_LIMIT = 1024
"""Held waits of one container."""
EARLY_LIMIT = 768 << 10
"""Input, as base64, that clients of one container sent in one packet with their requests: it travels to the shim in the
packet of its birth. What they send later stays in their sockets."""
_BATCH = 64


class HangupWatch:
    """Holds connections, and lets go of those whose client has gone.

    One epoll descriptor for all of them, asked for nothing but hang-ups: the loop is woken only when a client leaves.
    What a client sends meanwhile stays in its socket for the shim. `tasks` owns background work on connections.
    """

    def __init__(self, tasks: TaskGroup, attach_limit: int = ATTACH_LIMIT) -> None:
        self.tasks = tasks
        self._attach_limit = attach_limit
        self._watched: dict[int, tuple[Entry, Held]] = {}
        self._epoll: select.epoll | None = None

    def check(self, entry: Entry, kind: type[Attach] | type[Wait], early: int = 0) -> None:
        """Conflict if the container holds as many connections of this kind as it may, or as much early input."""
        limit, what = (self._attach_limit, "attaches") if kind is Attach else (WAIT_LIMIT, "waits")
        if sum(isinstance(held.request, kind) for held in entry.held) >= limit:
            raise Conflict(f"too many {what}: {limit} wait for the start of the container already, which is the limit")
        if (
            early + sum(len(held.request.early) for held in entry.held if isinstance(held.request, Attach))
            > EARLY_LIMIT
        ):
            raise Conflict(f"more than {EARLY_LIMIT} bytes of input came before the start of the container")

    def hold(self, entry: Entry, held: Held) -> None:
        """Keep a connection with its container until a start, a removal, or the client's end."""
        if self._epoll is None:
            self._epoll = select.epoll()
            asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._hung_up)
        entry.held.append(held)
        held.forget = self._forget
        self._watched[held.descriptor] = (entry, held)
        self._epoll.register(held.descriptor, 0)  # EPOLLHUP and EPOLLERR come unasked

    def _forget(self, descriptor: int) -> None:
        # Before the descriptor is closed: the shim's copy would keep the registration alive.
        if self._watched.pop(descriptor, None) is not None and self._epoll is not None:
            self._epoll.unregister(descriptor)

    def _hung_up(self) -> None:
        assert self._epoll is not None
        for descriptor, _ in self._epoll.poll(0, _BATCH):
            entry, held = self._watched[descriptor]
            if held in entry.held:
                entry.held.remove(held)
            held.close()

    def __len__(self) -> int:
        return len(self._watched)

    def close(self) -> None:
        """Stop watching. The connections stay with their containers, which close them."""
        for descriptor in list(self._watched):
            self._watched[descriptor][1].forget = None
            self._forget(descriptor)
        if self._epoll is not None:
            asyncio.get_running_loop().remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None


class Client:
    """A client's connection on its way from the server to somebody else. Borrowed only when it is needed, once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._borrowed: Borrowed | None = None

    def borrow(self) -> Borrowed:
        """The descriptor, which stays ours, and the client's early bytes."""
        if self._borrowed is None:
            self._borrowed = self._connection.borrow()
        return self._borrowed

    def given(self) -> None:
        """A shim has a copy: the server forgets the connection, and so do we."""
        self._connection.release()
        self.close()

    def keep(self) -> int:
        """The descriptor, from now on the caller's; the server forgets the connection."""
        descriptor = self.borrow().descriptor
        self._borrowed = None
        self._connection.release()
        return descriptor

    def end(self, head: str) -> None:
        """Answer with the head alone."""
        send(self.borrow().descriptor, head.encode("latin-1"))
        self.given()

    def close(self) -> None:
        """Let go of our copy, if it is still here: the server has the connection again."""
        if self._borrowed is not None:
            os.close(self._borrowed.descriptor)
            self._borrowed = None


def handed(entry: Entry) -> tuple[Handed, list[Held]]:
    """Take the held connections for a birth: in the form that the runtime wants, and to be closed after it.

    They are no longer watched: their descriptors stay what they are until `close`. If no shim was asked in the end
    (the birth raised), give them back with `HangupWatch.hold` or close them.
    """
    attaches = [held for held in entry.held if isinstance(held.request, Attach)]
    waits = [held for held in entry.held if isinstance(held.request, Wait)]
    entry.held = []
    taken = attaches + waits
    for held in taken:
        held.unwatch()
    return (
        Handed(
            attaches=[held.request for held in attaches if isinstance(held.request, Attach)],
            waits=[held.request for held in waits if isinstance(held.request, Wait)],
            descriptors=[held.descriptor for held in taken],
        ),
        taken,
    )


def release(entry: Entry, exit_code: int) -> None:
    """End all held connections, because the container is gone: waits get its last exit code, streams their end."""
    taken, entry.held = entry.held, []
    for held in taken:
        if isinstance(held.request, Wait):
            send(held.descriptor, wait_body(exit_code))
        held.close()


def release_waits(entry: Entry, exit_code: int) -> None:
    """Answer the held waits for an end: the start that they were kept for will not come."""
    for held in [held for held in entry.held if isinstance(held.request, Wait) and not held.request.removed]:
        entry.held.remove(held)
        send(held.descriptor, wait_body(exit_code))
        held.close()


def close(taken: Iterable[Held]) -> None:
    """Close our copies, after a shim has its own."""
    for held in taken:
        held.close()


def wait_body(exit_code: int) -> bytes:
    """The body of a held wait's response: one chunk, and the last chunk."""
    text = json.dumps({"StatusCode": exit_code}, separators=(",", ":")).encode() + b"\n"
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(text), text)


def send(descriptor: int, data: bytes) -> bool:
    """Send a few bytes without blocking; False if the client has gone, or takes nothing."""
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        try:
            return connection.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL) == len(data)
        except OSError:
            return False
