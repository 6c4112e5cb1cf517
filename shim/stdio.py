"""The container's side of its stdio: where its output is read and its input written."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
from collections.abc import Callable

from shim.loop import READ, WRITE, Loop

CHUNK = 64 << 10
"""Bytes read at once: a default pipe's worth, and below malloc's threshold for fresh mappings."""
PIPE_SIZE = 1 << 20
"""A pipe that was found full once is enlarged to this (the default of fs.pipe-max-size)."""


class Source:
    """One output of the container: a pipe's reading end, or the master of its terminal (which is `stdout`).

    `on_ready(source)` is called while there is something to read and the source is not held back.
    """

    def __init__(self, loop: Loop, descriptor: int, stream: int, on_ready: Callable[[Source], None]) -> None:
        self.stream = stream
        self.descriptor = descriptor
        self.closed = False
        self.held = False
        self._loop = loop
        self._on_ready = on_ready
        self._enlarged = False
        os.set_blocking(descriptor, False)
        loop.watch(descriptor, READ, self._ready)

    def _ready(self, _mask: int) -> None:
        self._on_ready(self)

    def read(self, limit: int = CHUNK) -> bytes | None:
        """What there is, `limit` bytes at most; None if nothing now; b"" at the end (a hung-up terminal: EIO)."""
        try:
            chunk = os.read(self.descriptor, limit)
        except BlockingIOError:
            return None
        except OSError:
            return b""
        if len(chunk) == CHUNK:
            self.enlarge()
        return chunk

    def enlarge(self) -> None:
        """Make the pipe as large as is useful for heavy output. Refused or a terminal: it stays as it is."""
        if not self._enlarged:
            self._enlarged = True
            with contextlib.suppress(OSError):
                fcntl.fcntl(self.descriptor, fcntl.F_SETPIPE_SZ, PIPE_SIZE)

    def hold(self) -> None:
        """Stop reading: the pipe fills and the container waits, as it would for a slow reader of its own."""
        if not self.held and not self.closed:
            self.held = True
            self._loop.forget(self.descriptor)

    def release(self) -> None:
        """Read again."""
        if self.held and not self.closed:
            self.held = False
            self._loop.watch(self.descriptor, READ, self._ready)

    def close(self) -> None:
        """Read no more, for good."""
        if not self.closed:
            self.closed = True
            self._loop.forget(self.descriptor)
            os.close(self.descriptor)


class Sink:
    """The container's input. Takes what it is given; `on_room` is called when it can take more after `full`.

    The descriptor may come later than the first bytes (a terminal arrives while the runtime works). Once the
    container has closed its input the rest is dropped silently, as in a pipe whose writer ignores SIGPIPE.
    """

    def __init__(self, loop: Loop, on_room: Callable[[], None]) -> None:
        self._loop = loop
        self._on_room = on_room
        self._descriptor = -1
        self._pending = b""
        self._ending = False
        self.closed = False

    @property
    def full(self) -> bool:
        """Whether clients must wait with their input."""
        return bool(self._pending)

    def open(self, descriptor: int) -> None:
        """Use `descriptor` from now on."""
        if self.closed:
            os.close(descriptor)
            return
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._flush()

    def write(self, data: bytes) -> None:
        """Hand `data` to the container."""
        if self.closed or self._ending:
            return
        self._pending = self._pending + data if self._pending else data
        if self._descriptor >= 0:
            self._flush()

    def end(self) -> None:
        """Close the container's input once everything was written."""
        self._ending = True
        if self._descriptor >= 0:
            self._flush()

    def close(self) -> None:
        """Close it now."""
        if self.closed:
            return
        self.closed = True
        self._pending = b""
        if self._descriptor >= 0:
            self._loop.forget(self._descriptor)
            os.close(self._descriptor)

    def _writable(self, _mask: int) -> None:
        self._flush()

    def _flush(self) -> None:
        had = bool(self._pending)
        while self._pending:
            try:
                written = os.write(self._descriptor, self._pending)
            except BlockingIOError:
                if not self._loop.watched(self._descriptor):
                    self._loop.watch(self._descriptor, WRITE, self._writable)
                return
            except OSError:
                self.close()
                break
            self._pending = self._pending[written:]
        if not self.closed:
            self._loop.forget(self._descriptor)
            if self._ending:
                self.close()
        if had:
            self._on_room()


def resize(master: int, height: int, width: int) -> None:
    """Set the terminal's size. The kernel sends SIGWINCH to the foreground job if it differs from the present one."""
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
