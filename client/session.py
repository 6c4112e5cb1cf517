"""A live session with a container: its stream, the user's keyboard, signals, and the wait for its end, in one loop."""

from __future__ import annotations

import os
import select
import signal
import socket
import time

from client.errors import ClientError, EngineError, Unreachable
from client.frames import STDERR, FrameError, Frames
from client.output import tell, write_all
from client.signals import Signals
from client.tty import is_terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from client.transport import Engine, Reply

DRAIN_SECONDS = 10.0  # silence after the container's end, after which its stream is given up
_BLOCK = 1024 * 1024
_INPUT = 64 * 1024
_RESIZE_TRIES = 10

NOT_STOPPED = "INFO: Wait container stopped status timeout."


class Streams:
    """Copies between a raw connection and the user's descriptors.

    `keyboard` is the descriptor whose bytes the container gets, or None. With `terminal` the stream is one unframed
    whole that goes to stdout, else it is taken apart into stdout and stderr.
    """

    def __init__(self, reply: Reply, terminal: bool, keyboard: int | None) -> None:
        self.connection = reply.connection
        self.keyboard = keyboard
        self.ended = False
        self._frames = None if terminal else Frames()
        self._pending = memoryview(b"")
        self._buffer = memoryview(bytearray(_BLOCK))
        self._reply = reply
        self._take(memoryview(reply.early))

    def wanted(self) -> int:
        """The poll events of the connection that matter now."""
        return select.POLLIN | (select.POLLOUT if self._pending else 0)

    def reads_keyboard(self) -> bool:
        """Whether there is room for more input."""
        return self.keyboard is not None and not self._pending

    def receive(self) -> None:
        """Pass on what has arrived; notes the stream's end."""
        try:
            count = self.connection.recv_into(self._buffer, 0, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except ConnectionResetError:
            count = 0
        if count:
            self._take(self._buffer[:count])
            return
        self.ended = True
        if self._frames is not None and not self._frames.complete:
            raise ClientError("the stream ended in the middle of a frame: the connection to the engine was lost", 125)

    def read_keyboard(self) -> None:
        """Take some input; its end is passed on as the end of the container's stdin."""
        assert self.keyboard is not None
        try:
            data = os.read(self.keyboard, _INPUT)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # the terminal has gone
        if data:
            self._pending = memoryview(data)
            self.flush()
        else:
            self.keyboard = None
            try:
                self.connection.shutdown(socket.SHUT_WR)
            except OSError:
                return  # the other side has closed already

    def flush(self) -> None:
        """Send input on, as much as the connection takes."""
        try:
            while self._pending:
                sent = self.connection.send(self._pending, socket.MSG_DONTWAIT)
                self._pending = self._pending[sent:]
        except BlockingIOError:
            return
        except OSError:
            self.keyboard = None  # the container reads no more; its output still counts
            self._pending = memoryview(b"")

    def _take(self, data: memoryview) -> None:
        if not data:
            return
        if self._frames is None:
            write_all(1, [data])
            return
        try:
            parts = self._frames.feed(data)
        except FrameError as error:
            raise ClientError(str(error), 125) from error
        run: list[memoryview | bytes] = []
        stream = 0
        for kind, part in parts:
            if kind != stream and run:
                write_all(2 if stream == STDERR else 1, run)
                run = []
            stream = kind
            run.append(part)
        if run:
            write_all(2 if stream == STDERR else 1, run)


class Session:
    """The loop. `ending` is a wait for the container's end whose reply may come; None for an exec.

    `resize` is called with each new size of the terminal and `forward` with each signal that isn't about the client;
    both are optional.
    """

    def __init__(
        self,
        streams: Streams,
        signals: Signals,
        ending: Reply | None = None,
        resize: Callable[[int, int], None] | None = None,
        forward: Callable[[int], None] | None = None,
        size: Callable[[], tuple[int, int] | None] | None = None,
    ) -> None:
        self._streams = streams
        self._signals = signals
        self._ending = ending
        self._resize = resize
        self._forward = forward
        self._size = size
        self._tries = 0
        self._ready = False  # the wait has been answered

    def run(self, patience: float | None) -> bool:
        """Copy until the stream's end, then wait for the container's, `patience` seconds at most (None: for ever).

        Returns whether the container is known to have ended (always False without an `ending`).
        """
        resize_at = time.monotonic() if self._resize else None
        give_up: float | None = None
        while True:
            if self._streams.ended:
                if self._ready or self._ending is None:
                    return self._ready
                if give_up is None and patience is not None:
                    give_up = time.monotonic() + patience
            if resize_at is not None and time.monotonic() >= resize_at:
                resize_at = self._resized()
            moments = [moment for moment in (give_up, resize_at) if moment is not None]
            limit = max(0.0, min(moments) - time.monotonic()) if moments else None
            if self._ready and limit is None:
                limit = DRAIN_SECONDS
            found = self._poll(limit)
            if signal.SIGWINCH in found and self._resize:
                self._tries = 0
                resize_at = time.monotonic()
            if give_up is not None and not self._ready and time.monotonic() >= give_up:
                return False
            if self._ready and found == {0} and not moments:
                return True  # the container has ended, and what holds its stream open says nothing more

    def _poll(self, limit: float | None) -> set[int]:
        """One round; returns the signals that came, or {0} if nothing at all happened."""
        streams = self._streams
        poll = select.poll()
        connection = streams.connection.fileno()
        if not streams.ended:
            poll.register(connection, streams.wanted())
            if streams.reads_keyboard() and streams.keyboard is not None:
                poll.register(streams.keyboard, select.POLLIN)
        if self._ending is not None and not self._ready:
            poll.register(self._ending.connection.fileno(), select.POLLIN)
        poll.register(self._signals.fileno(), select.POLLIN)
        events = dict(poll.poll(None if limit is None else int(limit * 1000) + 1))
        if not events:
            return {0}
        signals: set[int] = set()
        if events.pop(self._signals.fileno(), 0):
            signals.update(self._take_signals())
        if self._ending is not None and events.pop(self._ending.connection.fileno(), 0):
            self._ready = True
        happened = events.pop(connection, 0)
        if happened & select.POLLOUT:
            streams.flush()
        if happened & ~select.POLLOUT:
            streams.receive()
        if events and streams.reads_keyboard():
            streams.read_keyboard()
        return signals

    def _take_signals(self) -> list[int]:
        numbers = self._signals.take()
        for number in numbers:
            if number == signal.SIGWINCH:
                continue
            if self._forward:
                self._forward(number)
        return numbers

    def _resized(self) -> float | None:
        """Tell the engine the terminal's size; returns when to try again, if that is needed."""
        size = self._size() if self._size else None
        if size is None or self._resize is None or self._streams.ended:
            return None
        try:
            self._resize(*size)
        except (EngineError, Unreachable):
            self._tries += 1  # a container that is only just starting; the size given at its creation still holds
            return time.monotonic() + 0.01 * self._tries if self._tries < _RESIZE_TRIES else None
        return None


def tell_not_stopped() -> None:
    """Say that the session has ended and the process goes on; on a terminal the cursor is in the middle of a line."""
    tell(("\n" if is_terminal(2) else "") + NOT_STOPPED)


def resizer(engine: Engine, path: str) -> Callable[[int, int], None]:
    """A function that tells the engine a size; `path` is that of the container or the exec."""

    def resize(rows: int, columns: int) -> None:
        engine.call("POST", path + "/resize", {"h": rows, "w": columns})

    return resize


def forwarder(engine: Engine, container: str) -> Callable[[int], None]:
    """A function that sends a signal to a container; one that has just ended is no error."""

    def forward(number: int) -> None:
        try:
            engine.call("POST", f"/containers/{container}/kill", {"signal": number})
        except (EngineError, Unreachable):
            return

    return forward
