"""`logs=1`: what is in the log so far, then the present, with no gap and no repeat."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

from shim import rotation
from shim.logfile import LogFile
from shim.outlet import Outlet
from shim.streams import Streams

CHUNK = 64 << 10
_STREAMS = {"stdout": 1, "stderr": 2}
_FILES_BEHIND = 8
"""Rotated files that a replay may be behind before the container is held back for it."""


class Replay:
    """Reads a log from its oldest file on and sends it to one outlet, a chunk at a time.

    It works from the files, at the client's pace and in bounded memory, while the container goes on logging. When it
    has caught up with the last byte of the log, it sends what the encoder holds of unfinished messages and calls
    `on_done`; since nothing else runs in between, the live stream continues exactly there. It holds the files open, so
    rotation cannot take one away before it was read. With `to_now` it ends at what was in the log when it began.
    """

    def __init__(self, log: LogFile, streams: Streams, wanted: list[int], *, to_now: bool) -> None:
        self._log = log
        self._streams = streams
        self._wanted = wanted
        self._files: list[int] = []
        self._rest = b""
        self._outlet: Outlet | None = None
        self._on_done: Callable[[], None] | None = None
        self._working = False
        for path in rotation.oldest_first(log.spec.path, log.spec.max_files):
            try:
                self._files.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW))
            except FileNotFoundError:
                continue
        self._left = sum(os.fstat(file).st_size for file in self._files) if to_now else -1
        log.on_rotation.append(self._rotated)
        streams.brake(self._behind)

    def start(self, outlet: Outlet, on_done: Callable[[], None]) -> None:
        """Begin to send. `on_done` may be called at once."""
        self._outlet, self._on_done = outlet, on_done
        self.resume()

    def resume(self) -> None:
        """Send as much as the outlet takes. To be called whenever it has room again."""
        if self._working or self._outlet is None:
            return
        self._working = True
        try:
            while self._on_done is not None and not self._outlet.pending and not self._outlet.dead:
                self._step(self._outlet)
        finally:
            self._working = False

    def close(self) -> None:
        """Stop, and let go of the files."""
        if self._outlet is None and not self._files and self._on_done is None:
            return
        for file in self._files:
            os.close(file)
        self._files.clear()
        self._on_done = self._outlet = None
        if self._rotated in self._log.on_rotation:
            self._log.on_rotation.remove(self._rotated)
            self._streams.unbrake(self._behind)

    def _behind(self) -> bool:
        return len(self._files) > self._log.spec.max_files + _FILES_BEHIND

    def _rotated(self) -> None:
        self._files.append(os.open(self._log.spec.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW))

    def _step(self, outlet: Outlet) -> None:
        chunk = os.read(self._files[0], CHUNK if self._left < 0 else min(CHUNK, self._left)) if self._files else b""
        if chunk:
            if self._left >= 0:
                self._left -= len(chunk)
            end = chunk.rfind(b"\n") + 1
            if not end:
                self._rest += chunk
                return
            self._send(outlet, self._rest + chunk[:end])
            self._rest = chunk[end:]
        elif len(self._files) > 1 and self._left != 0:
            os.close(self._files.pop(0))
            self._rest = b""
            self._streams.resume()
        else:
            self._finish(outlet)

    def _finish(self, outlet: Outlet) -> None:
        for stream in self._wanted:
            outlet.put(stream, self._log.encoder.partial(stream))
        done = self._on_done
        self.close()
        if done is not None:
            done()

    def _send(self, outlet: Outlet, lines: bytes) -> None:
        """Send the messages in `lines`, neighbours of one stream together."""
        stream, texts = 0, list[str]()
        for message in _messages(lines):
            number = _STREAMS.get(message.get("stream", ""), 0)
            if number not in self._wanted:
                continue
            if number != stream and texts:
                outlet.put(stream, "".join(texts).encode("utf-8", "replace"))
                texts = []
            stream = number
            texts.append(str(message.get("log", "")))
        if texts:
            outlet.put(stream, "".join(texts).encode("utf-8", "replace"))


def _messages(lines: bytes) -> list[dict[str, str]]:
    """The messages in whole lines; what is not a message (a log damaged by someone) is skipped."""
    try:
        return [value for value in json.loads(b"[" + lines[:-1].replace(b"\n", b",") + b"]") if isinstance(value, dict)]
    except ValueError:
        return [message for line in lines.split(b"\n") if (message := _message(line)) is not None]


def _message(line: bytes) -> dict[str, str] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
