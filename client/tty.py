"""The user's terminal: raw while a session needs it, as it was before whatever happens."""

from __future__ import annotations

import atexit
import os
import signal
import termios

from client.errors import Quit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_IFLAG, _OFLAG, _CFLAG, _LFLAG, _CC = 0, 1, 2, 3, 6
_DEADLY = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT)


def is_terminal(descriptor: int) -> bool:
    """Whether a descriptor is an open terminal."""
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


def size(*descriptors: int) -> tuple[int, int] | None:
    """Rows and columns of the first of the descriptors that is a terminal and knows its size."""
    for descriptor in descriptors:
        try:
            found = os.get_terminal_size(descriptor)
        except OSError:
            continue
        if found.lines and found.columns:
            return found.lines, found.columns
    return None


def raw_attributes(attributes: list[Any]) -> list[Any]:
    """Terminal attributes as cfmakeraw(3) makes them: every key reaches the program, nothing is changed on output."""
    changed = list(attributes)
    changed[_IFLAG] &= ~(
        termios.IGNBRK
        | termios.BRKINT
        | termios.PARMRK
        | termios.ISTRIP
        | termios.INLCR
        | termios.IGNCR
        | termios.ICRNL
        | termios.IXON
    )
    changed[_OFLAG] &= ~termios.OPOST
    changed[_LFLAG] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    changed[_CFLAG] = changed[_CFLAG] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    changed[_CC] = list(attributes[_CC])
    changed[_CC][termios.VMIN] = 1
    changed[_CC][termios.VTIME] = 0
    return changed


class Raw:
    """A context in which a terminal is raw; deadly signals end it in order, so that the terminal is put back."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before: list[Any] | None = None
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Raw:
        atexit.register(self.restore)
        for number in _DEADLY:
            self._handlers[number] = signal.signal(number, _quit)
        self._before = termios.tcgetattr(self._descriptor)
        termios.tcsetattr(self._descriptor, termios.TCSANOW, raw_attributes(self._before))
        return self

    def __exit__(self, *_: object) -> None:
        self.restore()
        atexit.unregister(self.restore)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def restore(self) -> None:
        """Put the terminal back; harmless if it is back already or gone."""
        if self._before is not None:
            before, self._before = self._before, None
            try:
                termios.tcsetattr(self._descriptor, termios.TCSANOW, before)
            except termios.error:
                return


def _quit(number: int, _frame: object) -> None:
    raise Quit(128 + number)
