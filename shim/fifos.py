"""Attaches in the original form: three FIFOs instead of a connection."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from shim.attach import Attached
from shim.loop import HANGUP, READ, WRITE, Loop
from shim.outlet import Outlet
from shim.streams import Streams

CHUNK = 64 << 10


class FifoClient:
    """The original form: one FIFO each for stdin, stdout and stderr; an empty path for none. Bytes go unframed.

    Raises ValueError with the reason if a path is not a FIFO or nobody reads it.
    """

    def __init__(
        self,
        loop: Loop,
        streams: Streams,
        paths: list[str],
        *,
        ends_stdin: bool,
        on_end: Callable[[Attached], None],
    ) -> None:
        self._loop = loop
        self._streams = streams
        self._ends_stdin = ends_stdin
        self._on_end = on_end
        self._closed = self._finishing = False
        self._input = -1
        self._outlets: dict[int, Outlet] = {}
        descriptors: list[int] = []
        try:
            for path, flags in zip(paths, (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY), strict=True):
                descriptors.append(_open_fifo(path, flags) if path else -1)
        except (OSError, ValueError) as error:
            for descriptor in descriptors:
                if descriptor >= 0:
                    os.close(descriptor)
            raise ValueError(str(error)) from error
        self._input = descriptors[0]
        for stream, descriptor in ((1, descriptors[1]), (2, descriptors[2])):
            if descriptor >= 0:
                self._outlets[stream] = Outlet(descriptor, False, self._changed)

    def begin(self) -> None:
        """Join the streams."""
        self._streams.on_room[id(self)] = self._arm
        for stream, outlet in self._outlets.items():
            self._streams.join(outlet, [stream])
        self._arm()

    @property
    def delivered(self) -> bool:
        """Whether nothing is left to be sent."""
        return not any(outlet.pending for outlet in self._outlets.values())

    @property
    def progress(self) -> int:
        """A number that changes whenever the client has taken something."""
        return sum(outlet.taken for outlet in self._outlets.values())

    def finish(self) -> None:
        """Close once everything was delivered."""
        self._finishing = True
        self._changed()

    def drop(self) -> None:
        """Close now."""
        self._close()

    def say(self, text: bytes) -> None:
        """Send something of the shim's own as the container's output."""
        if 1 in self._outlets:
            self._outlets[1].put_raw(text)

    def _changed(self) -> None:
        if self._closed:
            return
        gone = bool(self._outlets) and all(outlet.dead for outlet in self._outlets.values())
        if (self._finishing and self.delivered) or (gone and self._input < 0):
            self._close()
            return
        self._arm()
        self._streams.resume()

    def _arm(self) -> None:
        sink = self._streams.sink
        if self._input >= 0:
            if sink is not None and sink.full:
                self._loop.forget(self._input)
            else:
                self._loop.watch(self._input, READ, self._read)
        for outlet in self._outlets.values():
            if outlet.dead:
                self._loop.forget(outlet.descriptor)
            else:
                busy = outlet.pending or outlet.blocked
                self._loop.watch(outlet.descriptor, WRITE if busy else 0, self._writable(outlet))

    def _writable(self, outlet: Outlet) -> Callable[[int], None]:
        def ready(mask: int) -> None:
            if mask & HANGUP:
                outlet.give_up()
            else:
                outlet.flush()

        return ready

    def _read(self, _mask: int) -> None:
        try:
            data = os.read(self._input, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._input_ended()
            return
        if self._streams.sink is not None:
            self._streams.sink.write(data)
        self._arm()

    def _input_ended(self) -> None:
        self._loop.forget(self._input)
        os.close(self._input)
        self._input = -1
        if self._ends_stdin and self._streams.sink is not None:
            self._streams.sink.end()
        self._changed()

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._input >= 0:
            self._input_ended()
        for outlet in self._outlets.values():
            self._loop.forget(outlet.descriptor)
            outlet.give_up()
            self._streams.leave(outlet)
            os.close(outlet.descriptor)
        self._streams.on_room.pop(id(self), None)
        self._on_end(self)


def _open_fifo(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError(f"{path} is not a FIFO")
    return descriptor
