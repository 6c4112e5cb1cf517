"""The frames of attach, exec and log streams without a terminal: 8 bytes of header, then the payload.

Byte 0 is the stream (1 stdout, 2 stderr, 3 the engine's own error), bytes 4 to 7 the payload's length, big-endian.
"""

from __future__ import annotations

STDOUT, STDERR, SYSTEM = 1, 2, 3
_ERROR_LIMIT = 64 * 1024


class FrameError(Exception):
    """The stream is not made of frames, or it carries the engine's own error."""


class Frames:
    """Takes a framed stream apart; slices are given on without copying."""

    def __init__(self) -> None:
        self._header = bytearray()
        self._stream = 0
        self._left = 0
        self._error = bytearray()

    @property
    def complete(self) -> bool:
        """Whether the stream may end here."""
        return not self._left and not self._header

    def feed(self, data: memoryview) -> list[tuple[int, memoryview]]:
        """The payload slices in the data, each with its stream. Raises FrameError."""
        out: list[tuple[int, memoryview]] = []
        at, end = 0, len(data)
        while at < end:
            if not self._left:
                header = self._header
                if not header and end - at >= 8:
                    first, self._left = data[at], int.from_bytes(data[at + 4 : at + 8], "big")
                    at += 8
                else:
                    take = min(8 - len(header), end - at)
                    header += data[at : at + take]
                    at += take
                    if len(header) < 8:
                        break
                    first, self._left = header[0], int.from_bytes(header[4:], "big")
                    header.clear()
                if first > SYSTEM:
                    raise FrameError(f"the stream is damaged: a frame of kind {first}")
                self._stream = first
                continue
            take = min(self._left, end - at)
            part = data[at : at + take]
            self._left -= take
            at += take
            if self._stream == SYSTEM:
                self._collect(part)
            else:
                out.append((STDERR if self._stream == STDERR else STDOUT, part))
        return out

    def _collect(self, part: memoryview) -> None:
        self._error += part[: _ERROR_LIMIT - len(self._error)]
        if not self._left:
            text = self._error.decode("utf-8", "replace").strip()
            raise FrameError(f"error from daemon in stream: {text}")
