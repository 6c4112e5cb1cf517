"""Events on disk, so that `since` reaches back over a restart of the daemon.

STATE/events/current, one JSON object a line, appended as events happen. When it holds `RING` events or SEGMENT_BYTES,
it becomes `previous`, and the `previous` of before is gone: nothing is ever rewritten, and the two are bounded. A write
goes to the page cache and is never synced: it outlives the daemon's death, and STATE does not outlive the host's. The
end of a file may be torn and is cut off; a line that can't be read is passed over.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterator

from restd.events import RING, Event

log = logging.getLogger(__name__)

VERSION = 1
CURRENT, PREVIOUS = "current", "previous"
SEGMENT_BYTES = 4 << 20
LINE_BYTES = 64 << 10
"""An event with more attributes (a container may have megabytes of labels) is kept with as many as fit."""


class Journal:
    """The file of one engine, which holds the lock on its state. Used from the event loop's thread only."""

    def __init__(self, state: str) -> None:
        self._folder = os.path.join(state, "events")
        self._descriptor = -1
        self._count = 0
        self._size = 0
        self._broken = False

    def open(self) -> list[Event]:
        """The last `RING` events that were written, oldest first; from now on `append` writes."""
        os.makedirs(self._folder, 0o700, exist_ok=True)
        current = _complete_lines(self._path(CURRENT))
        wanted = max(0, RING - len(current))
        previous = _complete_lines(self._path(PREVIOUS))[-wanted:] if wanted else []
        self._count = len(current)
        self._begin()
        past: list[Event] = []
        for event in _events(previous + current[-RING:]):
            if not past or event.time > past[-1].time:
                past.append(event)
        return past

    def append(self, event: Event) -> None:
        """Write one event. What can't be written is said in the log once, and lost with the daemon only."""
        if self._descriptor < 0:
            return
        line = _line(event)
        try:
            if self._count >= RING or self._size + len(line) > SEGMENT_BYTES:
                self._rotate()
            data = b"\n" + line if self._broken else line
            if os.write(self._descriptor, data) != len(data):
                raise OSError("written in part")
        except OSError as error:
            if not self._broken:
                log.warning("events can't be written to %s, a restart will forget them: %s", self._folder, error)
            self._broken = True
            return
        self._broken = False
        self._count += 1
        self._size += len(data)

    def close(self) -> None:
        """Write no more: the state is about to be another engine's."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _rotate(self) -> None:
        with contextlib.suppress(FileNotFoundError):  # it has gone with an earlier attempt
            os.replace(self._path(CURRENT), self._path(PREVIOUS))
        full = self._descriptor
        self._begin()
        os.close(full)
        self._count = 0

    def _begin(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self._path(CURRENT), flags, 0o600)
        self._size = os.fstat(self._descriptor).st_size

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)


def _complete_lines(path: str) -> list[bytes]:
    """The lines of a file; an unfinished last one is cut off the file, so that the next write begins a line."""
    try:
        with open(path, "rb") as file:
            data = file.read(SEGMENT_BYTES + LINE_BYTES)
    except FileNotFoundError:
        return []
    end = data.rfind(b"\n") + 1
    if end < len(data):
        os.truncate(path, end)
    return data[:end].splitlines()


def _events(lines: list[bytes]) -> Iterator[Event]:
    for line in lines:
        try:
            value = json.loads(line)
            if value["v"] == VERSION:
                yield Event(
                    str(value["kind"]),
                    str(value["action"]),
                    str(value["actor"]),
                    {str(key): str(text) for key, text in value["attributes"].items()},
                    int(value["time"]),
                )
        except (ValueError, TypeError, KeyError, AttributeError):
            continue


def _line(event: Event) -> bytes:
    line = _encoded(event, event.attributes)
    if len(line) <= LINE_BYTES:
        return line
    attributes: dict[str, str] = {}
    room = LINE_BYTES // 6 - 512  # a character may take six bytes, the rest of the line takes what is left
    for key, text in sorted(event.attributes.items(), key=lambda item: len(item[1])):
        room -= len(key) + len(text) + 6
        if room < 0:
            break
        attributes[key] = text
    return _encoded(event, attributes)


def _encoded(event: Event, attributes: object) -> bytes:
    value = {
        "v": VERSION,
        "time": event.time,
        "kind": event.kind,
        "action": event.action,
        "actor": event.actor,
        "attributes": attributes,
    }
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
