"""The beginning of a process's output, kept for its exit record: what a health probe had to say."""

from __future__ import annotations

CUT = "..."
"""What stands behind output that was longer than its limit, as Docker has it."""


class Capture:
    """Takes both streams in the order in which they come; `limit` bytes are kept, the rest is forgotten."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._kept: list[bytes] = []
        self._cut = False

    def append(self, _stream: int, chunk: bytes) -> None:
        """Take `chunk`."""
        if len(chunk) > self._left:
            self._cut = True
            chunk = chunk[: self._left]
        if chunk:
            self._left -= len(chunk)
            self._kept.append(chunk)

    def end(self, _stream: int) -> None:
        """Nothing hangs on the end of a stream."""

    def text(self) -> str:
        """What was kept; bytes that are not UTF-8 become U+FFFD."""
        return b"".join(self._kept).decode("utf-8", "replace") + (CUT if self._cut else "")
