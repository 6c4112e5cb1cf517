"""All attached clients of one shim, over both forms, and the rules that concern them together."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from shim.attach import Attached, Client
from shim.control import Refused
from shim.detach import DetachKeys
from shim.fifos import FifoClient
from shim.logfile import LogFile
from shim.loop import Loop
from shim.protocol import Attach, ProcessSpec
from shim.replay import Replay
from shim.streams import Streams

STALL_SECONDS = 3600.0
"""A client that has taken nothing for so long after the exit is dropped, and the shim need not wait for it."""
STALL_LOOK = 60.0


class Clients:
    """The attached clients. `on_detach` is called when one typed the magic keys, `on_end` when one has left."""

    def __init__(
        self,
        loop: Loop,
        spec: ProcessSpec,
        streams: Streams,
        log: LogFile | None,
        on_detach: Callable[[], None],
        on_end: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._spec = spec
        self._streams = streams
        self._log = log
        self._on_detach = on_detach
        self._on_end = on_end
        self._attached: list[Attached] = []
        self._stdin_claimed = False
        self._finishing = False

    def __len__(self) -> int:
        return len(self._attached)

    @property
    def delivered(self) -> bool:
        """Whether every client has been sent all that is meant for it."""
        return all(client.delivered for client in self._attached)

    def check_room(self) -> None:
        """Refused if the limit is reached."""
        if len(self._attached) >= self._spec.attach_limit:
            raise Refused(f"too many attaches: the limit is {self._spec.attach_limit}, and as many are attached")

    def attach(self, attach: Attach, descriptor: int) -> None:
        """Serve the connection `descriptor`, which is ours from now on."""
        replay = None
        if attach.replay and self._log is not None:
            wanted = [number for number, wish in ((1, attach.stdout), (2, attach.stderr)) if wish]
            replay = Replay(self._log, self._streams, wanted, to_now=not attach.follow)
        try:
            client = Client(
                self._loop,
                self._streams,
                descriptor,
                attach,
                ends_stdin=attach.stdin and self._claims_stdin(),
                keys=DetachKeys(attach.detach_keys if self._spec.tty else ()),
                replay=replay,
                on_detach=self._on_detach,
                on_end=self._left,
            )
        except BaseException:
            os.close(descriptor)
            if replay is not None:
                replay.close()
            raise
        self._attached.append(client)
        client.begin()
        if self._finishing:
            client.finish()

    def attach_fifos(self, paths: list[str]) -> None:
        """Serve three FIFOs. ValueError if they can't be opened."""
        client = FifoClient(
            self._loop,
            self._streams,
            paths,
            ends_stdin=bool(paths[0]) and self._claims_stdin(),
            on_end=self._left,
        )
        self._attached.append(client)
        client.begin()
        if self._finishing:
            client.finish()

    def say(self, text: str) -> None:
        """Send `text` to every client as the container's output, on stdout."""
        for client in self._attached:
            client.say(text.encode())

    def finish(self) -> None:
        """Close each client once it has everything; those that come from now on too. Watch out for stalled ones."""
        self._finishing = True
        for client in list(self._attached):
            client.finish()
        self._look_for_stalled({})

    def _claims_stdin(self) -> bool:
        """Whether the end of this attach's input ends the container's: the first one's, where the spec says so."""
        if self._spec.tty or not (self._spec.stdin_once or self._spec.exec_id):
            return False
        first, self._stdin_claimed = not self._stdin_claimed, True
        return first

    def _left(self, client: Attached) -> None:
        self._attached.remove(client)
        self._on_end()

    def _look_for_stalled(self, before: dict[int, tuple[int, float]]) -> None:
        now = time.monotonic()
        after: dict[int, tuple[int, float]] = {}
        for client in list(self._attached):
            progress, since = before.get(id(client), (-1, now))
            after[id(client)] = (client.progress, since if progress == client.progress else now)
            if now - after[id(client)][1] > STALL_SECONDS:
                client.drop()
        if self._attached:
            self._loop.later(STALL_LOOK, lambda: self._look_for_stalled(after))
