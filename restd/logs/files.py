"""The files of a log, old and new: `LOG.N` ... `LOG.1`, `LOG`, found and followed while the shim rotates them.

A file is known by its inode, never by its name: a rotation renames it under the reader.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterator

from restd.logs.messages import stamp
from restd.logs.query import ALL, LogQuery

BLOCK = 128 << 10
LINE_LIMIT = 1 << 20
"""Longer than any message can be. What has no newline for so long is no log, and isn't kept in memory."""
_MOST_FILES = 1000
_TOKEN = re.compile(rb'","stream":"(stdout|stderr)","time":"([^"]{19,40})"')


class LogFiles:
    """A reader's open files. `take()` gives whole lines from the oldest wanted one to the newest.

    `seek` and `take` block and belong in a thread, one at a time; whoever waits for that thread may be cancelled, and
    then calls `close` while it still works. The files are then closed when it has done what it is at.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._open: list[int] = []
        self._position = 0
        self._unfinished = b""
        self.bounded = True
        """Whether `take` stops where the log ended when it was opened."""
        self._end = 0
        self._busy = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Close all files, now or as soon as the thread that reads them is done. Never waits."""
        self._closed = True
        self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._busy.acquire(blocking=False):
            try:
                for descriptor in self._open:
                    os.close(descriptor)
                self._open = []
            finally:
                self._busy.release()

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[bool]:
        """Keep the files open meanwhile; False if they are closed already."""
        try:
            with self._busy:
                yield not self._closed
        finally:
            if self._closed:
                self._close_if_idle()

    def seek(self, query: LogQuery) -> None:
        """Open the files and go to the first line that can matter: not before `since`, and in the tail."""
        with self._at_work() as going:
            if going:
                self._open = _open_all(self._path)
                self._end = os.fstat(self._open[-1]).st_size if self._open else 0
                self._seek(query)

    def _seek(self, query: LogQuery) -> None:
        while query.since and len(self._open) > 1 and os.fstat(self._open[0]).st_mtime_ns < query.since:
            os.close(self._open.pop(0))
        if query.tail != ALL and self._open:
            index, self._position = self._tail(query)
            for descriptor in self._open[:index]:
                os.close(descriptor)
            del self._open[:index]

    def take(self) -> bytes:
        """The next whole lines, about BLOCK bytes; empty at the end, for now.

        A last line without its newline is kept back until the rest of it comes.
        """
        with self._at_work() as going:
            return self._take() if going else b""

    def _take(self) -> bytes:
        while True:
            data = self._read()
            if not data:
                if self._next():
                    continue
                return b""
            data = self._unfinished + data if self._unfinished else data
            end = data.rfind(b"\n") + 1
            self._unfinished = data[end:] if len(data) - end <= LINE_LIMIT else b""
            if end:
                return data[:end] if self._unfinished else data

    def _read(self) -> bytes:
        if not self._open:
            self._open = _open_all(self._path)  # the log had not been begun
            self._end = 0
            if not self._open:
                return b""
        size = BLOCK
        if self.bounded and len(self._open) == 1:
            size = min(size, self._end - self._position)
        data = os.pread(self._open[0], size, self._position) if size > 0 else b""
        self._position += len(data)
        return data

    def _next(self) -> bool:
        """Go on to the file after the present one, if there is one."""
        if len(self._open) > 1:
            os.close(self._open.pop(0))
        elif self.bounded or not self._open or not (later := self._later()):
            return False
        else:
            if self._tail_of_present():
                for descriptor in later:
                    os.close(descriptor)
                return True
            os.close(self._open.pop(0))
            self._open = later
        self._position = 0
        self._unfinished = b""  # half a line that no one will finish
        return True

    def _tail_of_present(self) -> bool:
        """Whether the present file has grown since it was read to its end: it did before it was rotated."""
        return os.fstat(self._open[0]).st_size > self._position

    def _later(self) -> list[int]:
        """Files that came after the present one, oldest first; none while it is still the newest."""
        own = os.fstat(self._open[0])
        try:
            newest = os.stat(self._path)
        except FileNotFoundError:
            return []
        if (newest.st_dev, newest.st_ino) == (own.st_dev, own.st_ino):
            return []
        files = _open_all(self._path)
        inodes = [os.fstat(descriptor).st_ino for descriptor in files]
        cut = inodes.index(own.st_ino) + 1 if own.st_ino in inodes else max(0, len(files) - 1)
        for descriptor in files[:cut]:
            os.close(descriptor)
        return files[cut:]

    def _tail(self, query: LogQuery) -> tuple[int, int]:
        """Index of the file, and offset in it, of the first of the last `query.tail` messages that are wanted."""
        left = query.tail
        for index in range(len(self._open) - 1, -1, -1):
            descriptor = self._open[index]
            end = self._end if index == len(self._open) - 1 else os.fstat(descriptor).st_size
            if left == 0:
                return index, next((start + len(lines) for start, lines in _backwards(descriptor, end)), 0)
            for start, lines in _backwards(descriptor, end):
                count = _count(lines, query)
                if count >= left:
                    return index, start + _offset(lines, count - left, query)
                left -= count
        return 0, 0


def _open_all(path: str) -> list[int]:
    """Descriptors of all files of a log, oldest first.

    They are opened from the newest on: a rotation meanwhile then shows a file twice, which is noticed, and hides none.
    Between its renames one number is free for a moment: only two in a row are the end.
    """
    found: dict[tuple[int, int], int] = {}
    missing = 0
    for number in range(_MOST_FILES):
        name = f"{path}.{number}" if number else path
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            missing += 1
            if missing == 2:
                break
            continue
        missing = 0
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino) in found:
            os.close(descriptor)
        else:
            found[status.st_dev, status.st_ino] = descriptor
    return list(found.values())[::-1]


def _backwards(descriptor: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Blocks of whole lines with their offsets, from `end` to the file's start; half a line at the end is left out."""
    after = b""
    first = True
    while end > 0:
        start = max(0, end - BLOCK)
        data = os.pread(descriptor, end - start, start) + after
        end = start
        if first:
            data = data[: data.rfind(b"\n") + 1]
            first = not data
        cut = (data.find(b"\n") + 1 or len(data)) if start else 0
        after, lines = data[:cut] if cut <= LINE_LIMIT else b"", data[cut:]
        if lines:
            yield start + cut, lines


def _count(lines: bytes, query: LogQuery) -> int:
    """How many of the lines the query wants (`since` aside: the earlier ones are dropped later)."""
    if query.stdout and query.stderr and not query.until:
        return lines.count(b"\n")
    return sum(_wanted(line, query) for line in lines.splitlines())


def _offset(lines: bytes, skip: int, query: LogQuery) -> int:
    """Where the lines begin after the first `skip` wanted ones."""
    offset = 0
    if skip == 0:
        return 0
    for line in lines.splitlines(keepends=True):
        if query.stdout and query.stderr and not query.until:
            skip -= 1
        else:
            skip -= _wanted(line, query)
        offset += len(line)
        if skip == 0:
            break
    return offset


def _wanted(line: bytes, query: LogQuery) -> bool:
    token = _TOKEN.search(line)
    if token is None:
        return False
    if not (query.stdout if token[1] == b"stdout" else query.stderr):
        return False
    return not query.until or token[2].rstrip(b"Z") <= stamp(query.until)
