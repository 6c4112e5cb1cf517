"""Attached clients: a connection that was handed over, or the three FIFOs of the original form."""

from __future__ import annotations

import base64
import socket
from collections.abc import Callable
from typing import Protocol

from shim import protocol
from shim.detach import DetachKeys
from shim.loop import HANGUP, READ, WRITE, Loop, Timer
from shim.outlet import Outlet, unconsumed
from shim.replay import Replay
from shim.streams import Streams

CHUNK = 64 << 10
HEAD_SECONDS = 0.010
"""How long the first stream byte waits for the client to consume the response head."""
HEAD_STEP = 0.0005
LINGER_SECONDS = 2.0
"""How long a finished connection waits for the client's own end, so that unread input never resets it."""


class Attached(Protocol):
    """What the shim knows of an attached client."""

    def finish(self) -> None:
        """Close once everything was delivered."""

    @property
    def delivered(self) -> bool:
        """Whether nothing is left to be sent."""

    @property
    def progress(self) -> int:
        """A number that changes whenever the client has taken something."""

    def drop(self) -> None:
        """Close now."""

    def say(self, text: bytes) -> None:
        """Send something of the shim's own as the container's output."""


class Client:
    """A client on its own connection (a socket).

    `first_stdin`: the end of this client's input ends the container's. `on_detach` is called when the magic keys were
    typed, `on_end(self)` when the connection is closed.
    """

    def __init__(
        self,
        loop: Loop,
        streams: Streams,
        descriptor: int,
        attach: protocol.Attach,
        *,
        ends_stdin: bool,
        keys: DetachKeys,
        replay: Replay | None,
        on_detach: Callable[[], None],
        on_end: Callable[[Attached], None],
    ) -> None:
        self._loop = loop
        self._streams = streams
        self._attach = attach
        self._head = attach.head.encode("latin-1")
        self._early = base64.b64decode(attach.early, validate=True)
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self._ends_stdin = ends_stdin
        self._keys = keys
        self._replay = replay
        self._on_detach = on_detach
        self._on_end = on_end
        self._wants_input = attach.stdin and streams.sink is not None
        self._reading = True
        self._hung_up = False
        self._finishing = False
        self._lingering = False
        self._closed = False
        self._linger: Timer | None = None
        self._wanted = [number for number, wish in ((1, attach.stdout), (2, attach.stderr)) if wish]
        self.outlet = Outlet(descriptor, attach.framed, self._changed)

    def begin(self) -> None:
        """Send the head, take the early input, join the stream or replay the log first."""
        attach, replay = self._attach, self._replay
        self._streams.on_room[id(self)] = self._arm
        self.outlet.put_raw(self._head)
        self._gate(HEAD_SECONDS)
        if self._early:
            self._input(self._early)
        if replay is not None:
            replay.start(self.outlet, self._replayed)
        elif attach.follow:
            self._streams.join(self.outlet, self._wanted)
        else:
            self._finishing = True
        self._changed()

    @property
    def delivered(self) -> bool:
        """Whether nothing is left to be sent."""
        return self._closed or self._lingering or self.outlet.dead or (self._replay is None and not self.outlet.pending)

    @property
    def progress(self) -> int:
        """A number that changes whenever the client has taken something."""
        return self.outlet.taken

    def finish(self) -> None:
        """Close once everything was delivered. What the client sends from now on is discarded."""
        self._finishing = True
        self._wants_input = False
        self._changed()

    def drop(self) -> None:
        """Close now."""
        self._close()

    def say(self, text: bytes) -> None:
        """Send something of the shim's own as the container's output."""
        self.outlet.put(protocol.STDOUT, text)

    def _gate(self, left: float) -> None:
        """Hold output back until the client has read the response head, `left` seconds at most.

        docker-py reads the head through a buffer and the stream past it: what arrives with the head is lost to it.
        """
        outlet = self.outlet
        outlet.gated = left > 0 and not outlet.pending and not outlet.dead and unconsumed(outlet.descriptor) > 0
        if outlet.gated:
            self._loop.later(HEAD_STEP, lambda: self._gate(left - HEAD_STEP * 2))
        else:
            outlet.flush()
            self._changed()

    def _replayed(self) -> None:
        """The log was sent up to the present moment: go on live."""
        self._replay = None
        if self._attach.follow and not self._finishing:
            self._streams.join(self.outlet, self._wanted)
        else:
            self._finishing = True
        self._changed()

    def _changed(self) -> None:
        """The outlet has got or lost work."""
        if self._closed:
            return
        if self.outlet.dead:
            self._stop_replay()
            if not (self._wants_input and self._reading):
                self._close()
                return
        elif self._finishing and self._replay is None and not self.outlet.pending and not self._lingering:
            if not (self.outlet.gated or self.outlet.owed):
                self._hang_up()
        elif self._replay is not None:
            self._replay.resume()
        self._arm()
        self._streams.resume()

    def _arm(self) -> None:
        """Ask the loop for what is of interest now."""
        if self._closed:
            return
        outlet = self.outlet
        sink = self._streams.sink
        held = self._wants_input and sink is not None and sink.full
        events = READ if self._reading and not held else 0
        if (outlet.pending and not outlet.gated) or outlet.blocked:
            events |= WRITE
        if events or not self._hung_up:
            self._loop.watch(outlet.descriptor, events, self._ready)
        else:
            self._loop.forget(outlet.descriptor)  # a hang-up is reported for ever

    def _ready(self, mask: int) -> None:
        if mask & WRITE:
            self.outlet.flush()
        if mask & READ and not self._closed:
            self._read()
        elif mask & HANGUP and not self._closed and not self._reading:
            self._close()
            return
        if mask & HANGUP and not self._closed:
            self._hung_up = True
            self.outlet.give_up()
            self._arm()

    def _read(self) -> None:
        try:
            data = self._socket.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._input(data)
        else:
            self._reading = False
            self._input_ended()

    def _input(self, data: bytes) -> None:
        sink = self._streams.sink
        if not self._wants_input or sink is None:
            return
        data, detached = self._keys.feed(data)
        if data:
            sink.write(data)
        if detached:
            self._wants_input = False
            self._streams.leave(self.outlet)
            self._stop_replay()
            self._on_detach()
            self.finish()
        elif sink.full:
            self._arm()

    def _input_ended(self) -> None:
        if self._wants_input and self._ends_stdin and self._streams.sink is not None:
            self._streams.sink.end()
        self._wants_input = False
        if self._lingering or self.outlet.dead:
            self._close()
        else:
            self._arm()

    def _hang_up(self) -> None:
        """Everything was delivered: end our half, and wait a little for the client's."""
        self._lingering = True
        self._streams.leave(self.outlet)
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._close()
            return
        if not self._reading:
            self._close()
            return
        self._linger = self._loop.later(LINGER_SECONDS, self._close)

    def _stop_replay(self) -> None:
        if self._replay is not None:
            self._replay.close()
            self._replay = None

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._wants_input and self._reading and self._ends_stdin and self._streams.sink is not None:
            self._streams.sink.end()
        if self._linger is not None:
            self._linger.cancel()
        self._stop_replay()
        self._loop.forget(self.outlet.descriptor)
        self.outlet.give_up()
        self._socket.close()
        self._streams.on_room.pop(id(self), None)
        self._streams.leave(self.outlet)
        self._on_end(self)
