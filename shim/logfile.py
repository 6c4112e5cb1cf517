"""The container's log on disk: appended, rotated, never in the container's way."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from shim import rotation
from shim.jsonlog import Encoder
from shim.protocol import LogSpec

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class LogFile:
    """A json-file log. `on_growth` is called after each append or rotation, `on_trouble(text)` once when writing fails.

    The file, which the daemon has made, is opened at the first message. A full disk never stops the container: messages
    that can't be written are dropped and counted, and as soon as there is room again a message says how many. A file
    never ends in part of a message.
    """

    def __init__(
        self, spec: LogSpec, encoder: Encoder, on_growth: Callable[[], None], on_trouble: Callable[[str], None]
    ) -> None:
        self.spec = spec
        self.encoder = encoder
        self.size = 0
        self.on_rotation: list[Callable[[], None]] = []
        self._unwritten = 0
        self._lost = 0
        self._descriptor = -1
        self._on_growth = on_growth
        self._on_trouble = on_trouble

    def append(self, stream: int, chunk: bytes) -> None:
        """Record `chunk`; what is not a whole message yet waits."""
        for messages in self.encoder.feed(stream, chunk):
            self._write(messages)

    def end(self, stream: int) -> None:
        """Record the last message of `stream`, though it has no newline."""
        if last := self.encoder.finish(stream):
            self._write(last)

    def reopen(self) -> None:
        """Open the path again (someone has moved the file away)."""
        self._close()
        self._open()
        self._rotated()
        self._on_growth()

    def close(self) -> None:
        """Let go of the file."""
        self._close()

    def _open(self) -> None:
        self._descriptor = os.open(self.spec.path, _FLAGS, 0o640)
        self.size = os.fstat(self._descriptor).st_size
        if self.size and os.pread(self._descriptor, 1, self.size - 1) != b"\n":
            os.write(self._descriptor, b"\n")  # a power cut left half a message: keep it away from ours
            self.size += 1

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, data: bytes) -> None:
        if self._lost:
            data = self.encoder.note(f"{self._lost} log messages were lost: the log could not be written") + data
        try:
            self._write_rotating(data)
        except OSError as error:
            if not self._lost:
                self._on_trouble(f"{self.spec.path}: {error.strerror}")
            self._lost += self._unwritten - (1 if self._lost else 0)
        else:
            self._lost = 0
        self._on_growth()

    def _write_rotating(self, data: bytes) -> None:
        """Write whole messages; on failure `_unwritten` says how many did not make it."""
        limit = self.spec.max_size
        if self._descriptor < 0:
            self._unwritten = data.count(b"\n")
            self._open()
        while data:
            self._unwritten = 0
            room = max(0, limit - self.size) if limit > 0 else -1
            count = rotation.split(data, room, self.size == 0)
            if not count:
                self._unwritten = data.count(b"\n")
                self._rotate()
                continue
            self._write_whole(data if count == len(data) else data[:count], data)
            data = data[count:]

    def _write_whole(self, part: bytes, rest: bytes) -> None:
        if self._descriptor < 0:
            self._unwritten = rest.count(b"\n")
            self._open()
        done = 0
        try:
            while done < len(part):
                done += os.write(self._descriptor, part[done:] if done else part)
        except OSError:
            whole = part.rfind(b"\n", 0, done) + 1
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.size + whole)
            self.size += whole
            self._unwritten = rest.count(b"\n") - part.count(b"\n", 0, whole)
            raise
        self.size += done

    def _rotate(self) -> None:
        """Start an empty file. Readers follow the old one by its inode; it is never truncated under them."""
        self._close()
        for source, target in rotation.renames(self.spec.path, self.spec.max_files):
            with contextlib.suppress(FileNotFoundError):
                os.rename(source, target)
        if self.spec.max_files <= 1:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.spec.path)
        self._open()
        self._rotated()

    def _rotated(self) -> None:
        """A new file has begun, still empty."""
        for callback in list(self.on_rotation):
            callback()
