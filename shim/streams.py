"""The middle of the shim: what the container writes goes to the log and to every attached client, in one order."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol

from shim import frames
from shim.loop import Loop
from shim.outlet import Outlet, unread
from shim.stdio import CHUNK, PIPE_SIZE, Sink, Source

_SPLICES = 16
"""Splices in one turn, so that other clients are served too."""


class Record(Protocol):
    """Where output is recorded."""

    def append(self, stream: int, chunk: bytes) -> None:
        """Take `chunk` of `stream`."""

    def end(self, stream: int) -> None:
        """`stream` has ended."""


class Streams:
    """Owns the sources and the sink, knows the outlets of each stream, and holds the balance.

    A source is read only while no outlet of its stream is over its bound; so a slow client slows the container, and
    everyone else with it, and nobody loses a byte. With one client and no log nothing is copied: splice moves the
    pages from the container's pipe into the socket. `on_ended` is called once all sources have ended.
    """

    def __init__(self, loop: Loop, log: Record | None, on_ended: Callable[[], None]) -> None:
        self._loop = loop
        self._log = log
        self._on_ended = on_ended
        self._sources: dict[int, Source] = {}
        self._outlets: dict[int, list[Outlet]] = {1: [], 2: []}
        self._brakes: list[Callable[[], bool]] = []
        self.master = -1
        self.sink: Sink | None = None
        self.had_terminal = False
        self.on_room: dict[int, Callable[[], None]] = {}

    def add_source(self, descriptor: int, stream: int) -> None:
        """Read `descriptor` as the container's `stream` from now on."""
        self._sources[stream] = Source(self._loop, descriptor, stream, self._ready)

    def add_sink(self) -> Sink:
        """Give the container an input; its descriptor may follow."""
        self.sink = Sink(self._loop, self._room)
        return self.sink

    def add_terminal(self, master: int) -> None:
        """The container's terminal: its output, and its input if that is open."""
        self.master = master
        self.had_terminal = True
        if self.sink is not None:
            self.sink.open(os.dup(master))
        self.add_source(master, 1)

    @property
    def ended(self) -> bool:
        """Whether no source is left open."""
        return all(source.closed for source in self._sources.values())

    def join(self, outlet: Outlet, streams: list[int]) -> None:
        """Send the output of `streams` to `outlet` from here on."""
        for stream in streams:
            self._outlets[stream].append(outlet)

    def leave(self, outlet: Outlet) -> None:
        """Send it nothing more."""
        for outlets in self._outlets.values():
            if outlet in outlets:
                outlets.remove(outlet)
        self.resume()

    def brake(self, wanted: Callable[[], bool]) -> None:
        """Hold all sources back as long as `wanted()`; whoever asked calls `resume` when that changes."""
        self._brakes.append(wanted)

    def unbrake(self, wanted: Callable[[], bool]) -> None:
        """Take a brake off again."""
        self._brakes.remove(wanted)
        self.resume()

    def resume(self) -> None:
        """Let those sources go on for which nothing is in the way any more."""
        for source in self._sources.values():
            if source.held and not self._blocked(source) and all(outlet.low for outlet in self._takers(source)):
                source.release()

    def drain(self) -> None:
        """Read what the container has left in its pipes, bounds or not: at most a pipe's capacity."""
        half_sent = {outlet.owed_stream for outlets in self._outlets.values() for outlet in outlets if outlet.owed}
        for source in sorted(self._sources.values(), key=lambda source: source.stream not in half_sent):
            left = PIPE_SIZE
            while left > 0 and not source.closed:
                chunk = source.read(min(CHUNK, left))
                if chunk is None:
                    break
                self._deliver(source, chunk)
                left -= len(chunk)

    def unread_error(self) -> str:
        """The last line on stderr so far: with the brake on, what a runtime wrote that failed. Nobody else gets it."""
        chunk = self._sources[2].read() or b""
        lines = chunk.decode("utf-8", "replace").splitlines()
        return lines[-1] if lines else ""

    def close(self) -> None:
        """End all sources and the input. Whoever still writes gets a broken pipe."""
        for source in list(self._sources.values()):
            self._end(source)
        if self.sink is not None:
            self.sink.close()

    def _takers(self, source: Source) -> list[Outlet]:
        return self._outlets[source.stream]

    def _blocked(self, source: Source) -> bool:
        return any(outlet.blocks(source.stream) for outlet in self._takers(source)) or any(
            wanted() for wanted in self._brakes
        )

    def _room(self) -> None:
        for callback in list(self.on_room.values()):
            callback()

    def _ready(self, source: Source) -> None:
        """Something to read, or the end."""
        if self._blocked(source):
            source.hold()
            return
        outlets = self._takers(source)
        if self._log is None and len(outlets) == 1 and outlets[0].idle and source.descriptor != self.master:
            if outlets[0].framed:
                self._splice_framed(source, outlets[0])
            else:
                self._splice_raw(source, outlets[0])
            return
        owed = [outlet.owed for outlet in outlets if outlet.owed]
        chunk = source.read(min(CHUNK, *owed) if owed else CHUNK)
        if chunk is not None:
            self._deliver(source, chunk)

    def _deliver(self, source: Source, chunk: bytes) -> None:
        if not chunk:
            self._end(source)
            return
        if self._log is not None:
            self._log.append(source.stream, chunk)
        for outlet in list(self._takers(source)):
            outlet.put(source.stream, chunk)
        if self._blocked(source):
            source.hold()

    def _end(self, source: Source) -> None:
        if source.closed:
            return
        if source.descriptor == self.master:
            self.master = -1
        source.close()
        if self._log is not None:
            self._log.end(source.stream)
        if self.ended:
            self._on_ended()

    def _splice_raw(self, source: Source, outlet: Outlet) -> None:
        for _ in range(_SPLICES):
            if not self._splice(source, outlet, PIPE_SIZE):
                return

    def _splice_framed(self, source: Source, outlet: Outlet) -> None:
        for _ in range(_SPLICES):
            if not outlet.owed:
                size = min(unread(source.descriptor), frames.FRAME_LIMIT)
                if not size:
                    chunk = source.read()
                    if chunk is not None:
                        self._deliver(source, chunk)
                    return
                outlet.owed, outlet.owed_stream = size, source.stream
                outlet.put_raw(frames.header(source.stream, size))
                if outlet.pending or outlet.dead:
                    if self._blocked(source) or outlet.pending:
                        source.hold()
                    return
            if not self._splice(source, outlet, outlet.owed):
                return

    def _splice(self, source: Source, outlet: Outlet, size: int) -> bool:
        """Move `size` bytes at most; whether to go on at once."""
        try:
            moved = os.splice(source.descriptor, outlet.descriptor, size, flags=os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK)
        except BlockingIOError:
            if unread(source.descriptor):
                source.enlarge()
                outlet.wait_for_room()
                source.hold()
            return False
        except OSError:
            outlet.give_up()
            return False
        if outlet.owed:
            outlet.owed -= moved
        if not moved:
            self._end(source)
        return moved > 0
