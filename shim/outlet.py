"""The output half of one client: a bounded queue in front of a non-blocking descriptor."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
from collections import deque
from collections.abc import Callable

from shim import frames
from shim.protocol import CLIENT_BUFFER

_INT = struct.Struct("i")
_NONE = b"\0\0\0\0"
_WRITEV_LIMIT = 64


def unread(descriptor: int) -> int:
    """Bytes that a pipe holds (FIONREAD)."""
    return int(_INT.unpack(fcntl.ioctl(descriptor, termios.FIONREAD, _NONE))[0])


def unconsumed(descriptor: int) -> int:
    """Memory of what was sent and the peer has not read (SIOCOUTQ): 0 means that it has consumed everything.

    Exact for unix sockets. Descriptors that don't know the question give 0.
    """
    try:
        return int(_INT.unpack(fcntl.ioctl(descriptor, termios.TIOCOUTQ, _NONE))[0])
    except OSError:
        return 0


class Outlet:
    """Bytes on their way to one client.

    `on_change` is called when the queue got its first byte, or lost its last, or was given up (`dead`): the owner
    then renews its interest in the descriptor and lets held-back sources go on. The queue itself takes whatever it is
    given; `full` tells the sources to hold back.
    """

    __slots__ = (
        "_on_change",
        "_queue",
        "blocked",
        "dead",
        "descriptor",
        "framed",
        "gated",
        "owed",
        "owed_stream",
        "pending",
        "taken",
    )

    def __init__(self, descriptor: int, framed: bool, on_change: Callable[[], None]) -> None:
        self.descriptor = descriptor
        self.framed = framed
        self.dead = False
        self.blocked = False  # a splice found the descriptor full
        self.gated = False  # nothing is written yet: the client has not consumed the response head
        self.pending = 0  # bytes queued here
        self.taken = 0  # bytes written from the queue so far
        self.owed = 0  # bytes of a begun frame that will be spliced from the pipe of `owed_stream`
        self.owed_stream = 0
        self._queue: deque[bytes | memoryview] = deque()
        self._on_change = on_change

    @property
    def full(self) -> bool:
        """Whether the container's output must be held back for this client."""
        return self.pending > CLIENT_BUFFER

    @property
    def low(self) -> bool:
        """Whether output that was held back may flow again."""
        return self.pending <= CLIENT_BUFFER // 2

    @property
    def idle(self) -> bool:
        """Whether everything was written and whole frames only: bytes may go past the queue."""
        return not (self.pending or self.gated or self.dead or self.blocked)

    def blocks(self, stream: int) -> bool:
        """Whether output of `stream` must wait: no room, or a frame of the other stream is half sent."""
        return not self.dead and (self.full or self.blocked or (self.owed > 0 and self.owed_stream != stream))

    def put(self, stream: int, chunk: bytes) -> None:
        """Queue or write `chunk`, which came from `stream`; framed if this client wants that."""
        if self.dead or not chunk:
            return
        if not self.framed:
            self.put_raw(chunk)
            return
        if self.owed:
            paid = chunk[: self.owed]
            self.owed -= len(paid)
            self.put_raw(paid)
            chunk = chunk[len(paid) :]
        if chunk:
            self._extend(list(frames.parts(stream, chunk)))

    def put_raw(self, data: bytes) -> None:
        """Queue or write `data` as it is."""
        if not self.dead and data:
            self._extend([data])

    def wait_for_room(self) -> None:
        """A splice found the descriptor full: hold the sources back until it is writable."""
        self.blocked = True
        self._on_change()

    def _extend(self, parts: list[bytes | memoryview]) -> None:
        was_idle = not (self.pending or self.blocked)
        self._queue.extend(parts)
        self.pending += sum(map(len, parts))
        if was_idle:
            self.flush()
            if self.pending:
                self._on_change()

    def flush(self) -> None:
        """Write what the descriptor takes now. Call it when the descriptor is writable."""
        if self.gated or self.dead:
            return
        queue, had = self._queue, self.pending or self.blocked
        self.blocked = False
        while queue:
            try:
                if len(queue) == 1:
                    written = os.write(self.descriptor, queue[0])
                else:
                    written = os.writev(self.descriptor, [queue[i] for i in range(min(len(queue), _WRITEV_LIMIT))])
            except BlockingIOError:
                break
            except OSError:
                self.give_up()
                return
            self._consumed(written)
        if had and (not self.pending or self.low):
            self._on_change()

    def _consumed(self, written: int) -> None:
        queue = self._queue
        self.pending -= written
        self.taken += written
        while written:
            size = len(queue[0])
            if written < size:
                queue[0] = memoryview(queue[0])[written:]
                return
            written -= size
            queue.popleft()

    def give_up(self) -> None:
        """The client is gone: drop what waits for it."""
        if not self.dead:
            self.dead = True
            self._queue.clear()
            self.pending = self.owed = 0
            self.blocked = False
            self._on_change()
