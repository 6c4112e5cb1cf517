"""A program in a real pseudo-terminal, driven as a person would."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self


class Terminal:
    """A context manager; at its end the program is killed and the terminal closed."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], rows: int, columns: int) -> None:
        self._master, slave = pty.openpty()
        self._size(rows, columns)
        self.seen = b""
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=dict(environment),
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        os.close(self._master)

    def _size(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, rows: int, columns: int) -> None:
        """Change the size; the program is told by SIGWINCH, as by a real terminal."""
        self._size(rows, columns)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGWINCH)

    def type(self, data: bytes) -> None:
        """Send keys."""
        while data:
            data = data[os.write(self._master, data) :]

    def _read(self, limit: float) -> bool:
        """Read once; False at the end of the terminal."""
        ready, _, _ = select.select([self._master], [], [], limit)
        if not ready:
            raise TimeoutError
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return False
        self.seen += data
        return bool(data)

    def expect(self, pattern: str, limit: float = 20.0) -> re.Match[bytes]:
        """Read until `pattern` (a regular expression) is seen, and forget all up to its end."""
        end = time.monotonic() + limit
        while not (found := re.search(pattern.encode(), self.seen)):
            left = end - time.monotonic()
            try:
                if left <= 0 or not self._read(left):
                    raise TimeoutError
            except TimeoutError:
                raise AssertionError(f"{pattern!r} not seen; on the screen: {self.seen[-2000:]!r}") from None
        self.seen = self.seen[found.end() :]
        return found

    def wait(self, limit: float = 20.0) -> int:
        """Read to the end and return the exit code."""
        end = time.monotonic() + limit
        with contextlib.suppress(TimeoutError):
            while self._read(max(0.0, end - time.monotonic())):
                pass
        return self.process.wait(max(0.1, end - time.monotonic()))
