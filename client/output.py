"""Writing to the terminal or pipe that the user gave us."""

from __future__ import annotations

import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_PARTS = 512  # below the kernel's IOV_MAX of 1024


def write_all(descriptor: int, parts: Sequence[memoryview | bytes]) -> None:
    """Write all parts, also to a descriptor that somebody made non-blocking. Raises BrokenPipeError."""
    for at in range(0, len(parts), _PARTS):
        _write(descriptor, list(parts[at : at + _PARTS]))


def say(text: str) -> None:
    """Print one line on stdout."""
    write_all(1, [text.encode("utf-8", "surrogateescape") + b"\n"])


def tell(text: str) -> None:
    """Print one line on stderr."""
    write_all(2, [text.encode("utf-8", "surrogateescape") + b"\n"])


def _write(descriptor: int, parts: list[memoryview | bytes]) -> None:
    while parts:
        try:
            written = os.writev(descriptor, parts)
        except BlockingIOError:
            waiting = select.poll()
            waiting.register(descriptor, select.POLLOUT)
            waiting.poll()
            continue
        while parts and written >= len(parts[0]):
            written -= len(parts[0])
            del parts[0]
        if parts and written:
            parts[0] = memoryview(parts[0])[written:]
