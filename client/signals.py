"""Signals as something to poll: their numbers arrive on a pipe (signal.set_wakeup_fd)."""

from __future__ import annotations

import os
import signal

from client.errors import ClientError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

# What a container's process is sent in the client's stead. KILL and STOP can't be caught; CHLD, PIPE, URG and WINCH
# are about the client itself; TSTP and CONT are the shell's job control.
PROXIED = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
)


_FORCED = 3


class Signals:
    """A context that collects some signals instead of obeying them.

    The third SIGINT or SIGTERM raises ClientError wherever the program is: somebody wants it to end.
    """

    def __init__(self, numbers: Iterable[int]) -> None:
        self._numbers = tuple(numbers)
        self._before: dict[int, Any] = {}
        self._read, self._write = -1, -1
        self._interrupts = 0

    def __enter__(self) -> Signals:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in self._numbers:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        """The descriptor that is readable when there are signals."""
        return self._read

    def take(self) -> list[int]:
        """The signals that came since the last call, in order."""
        try:
            numbers = os.read(self._read, 4096)
        except BlockingIOError:
            return []
        return [number for number in numbers if number in self._numbers]

    def _note(self, number: int, _frame: object) -> None:
        """Python wants a handler; the number is already in the pipe."""
        if number in (signal.SIGINT, signal.SIGTERM):
            self._interrupts += 1
            if self._interrupts >= _FORCED:
                raise ClientError("interrupted three times: ended without waiting for the container", 128 + number)
