"""Client connections that wait for a shim to be born: attaches and waits that come before the start.

That is the usual order (the docker CLI: create, attach, wait, start). They get their response head, and go on to start
the container. A start takes them, a removal ends them, and those whose client has left are dropped: each
`docker run -d` leaves a wait behind. The keeper has a copy of each, so that they outlive this daemon: the next one
holds them again (docs/decisions/0005-keeper.md).

All of it runs on the event loop, with `entry.lock` held wherever connections are added or taken.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from functools import partial

from restd.container.registry import Entry, Held
from restd.errors import Conflict
from restd.lib.hangups import HangupWatch
from restd.lib.sockets import end, send
from restd.lib.times import now_ns
from restd.model.container import Container
from restd.runtime.base import Handed
from restd.runtime.keeper import Keeper, Kept
from shim import protocol
from shim.protocol import ATTACH_LIMIT, OP_ATTACH, OP_WAIT, Attach, Wait

log = logging.getLogger(__name__)

WAIT_LIMIT = 1024
"""Held waits of one container."""
EARLY_LIMIT = 768 << 10
"""Input, as base64, that clients of one container sent in one packet with their requests: it travels to the shim in the
packet of its birth. What they send later stays in their sockets."""
RECORD_VERSION = 1


class HeldClients:
    """Holds connections for their containers, and lets go of those whose client has gone.

    What a client sends meanwhile stays in its socket for the shim.
    """

    def __init__(self, keeper: Keeper, attach_limit: int = ATTACH_LIMIT) -> None:
        self._keeper = keeper
        self._attach_limit = attach_limit
        self._hangups = HangupWatch()

    def __len__(self) -> int:
        return len(self._hangups)

    def expect(self) -> None:
        """A container is being made: clients like to attach next."""
        self._keeper.expect()

    def check(self, entry: Entry, kind: type[Attach] | type[Wait], early: int = 0) -> None:
        """Conflict if the container holds as many connections of this kind as it may, or as much early input."""
        limit, what = (self._attach_limit, "attaches") if kind is Attach else (WAIT_LIMIT, "waits")
        if sum(isinstance(held.request, kind) for held in entry.held) >= limit:
            raise Conflict(f"too many {what}: {limit} wait for the start of the container already, which is the limit")
        if (
            early + sum(len(held.request.early) for held in entry.held if isinstance(held.request, Attach))
            > EARLY_LIMIT
        ):
            raise Conflict(f"more than {EARLY_LIMIT} bytes of input came before the start of the container")

    async def hold(self, entry: Entry, descriptor: int, request: Attach | Wait) -> None:
        """Send the head of `request`, and keep the connection until a start, a removal, or the client's end.

        The descriptor is ours from the call on.
        """
        held = Held(descriptor, replace(request, head=""), now_ns())
        try:
            key = await self._keeper.keep(
                descriptor, request.head.encode("latin-1"), partial(_record, entry.container, held)
            )
        except BaseException:
            os.close(descriptor)
            raise
        if key is None:  # the client has left
            os.close(descriptor)
            return
        held.key = key
        self._watch(entry, held)

    def _watch(self, entry: Entry, held: Held) -> None:
        entry.held.append(held)
        self._hangups.add(held.descriptor, partial(self._left, entry, held))

    def _left(self, entry: Entry, held: Held) -> None:
        if held in entry.held:
            entry.held.remove(held)
        self._close(held)

    def _close(self, held: Held, way: Callable[[int], None] = os.close) -> None:
        self._hangups.discard(held.descriptor)
        self._keeper.drop(held.key)
        way(held.descriptor)

    def take(self, entry: Entry) -> tuple[Handed, list[Held]]:
        """Take a container's connections for a birth, in the form that the runtime wants.

        They are no longer watched: the descriptors stay what they are until `given` or `give_back`.
        """
        attaches = [held for held in entry.held if isinstance(held.request, Attach)]
        waits = [held for held in entry.held if isinstance(held.request, Wait)]
        entry.held = []
        taken = attaches + waits
        for held in taken:
            self._hangups.discard(held.descriptor)
        return (
            Handed(
                attaches=[held.request for held in attaches if isinstance(held.request, Attach)],
                waits=[held.request for held in waits if isinstance(held.request, Wait)],
                descriptors=[held.descriptor for held in taken],
            ),
            taken,
        )

    def given(self, taken: Iterable[Held]) -> None:
        """A shim has its own copies."""
        for held in taken:
            self._close(held)

    def give_back(self, entry: Entry, taken: Iterable[Held]) -> None:
        """The start has failed: streams end with it, waits go on waiting."""
        for held in taken:
            if isinstance(held.request, Wait):
                self._watch(entry, held)
            else:
                self._close(held, end)

    def release(self, entry: Entry, exit_code: int) -> None:
        """The container is gone: waits get its last exit code, streams their end."""
        taken, entry.held = entry.held, []
        for held in taken:
            self._release(held, exit_code)

    def release_waits(self, entry: Entry, exit_code: int) -> None:
        """Answer the waits for an end: the start that they were kept for will not come."""
        for held in [held for held in entry.held if isinstance(held.request, Wait) and not held.request.removed]:
            entry.held.remove(held)
            self._release(held, exit_code)

    def _release(self, held: Held, exit_code: int) -> None:
        if isinstance(held.request, Wait):
            send(held.descriptor, wait_body(exit_code))
        self._close(held, end)

    async def restore(self, find: Callable[[str], Entry | None]) -> None:
        """Hold again what an earlier daemon held. `find` knows a container by its full id."""
        for kept in await self._keeper.open():
            try:
                container, exit_code, held = _read(kept)
            except (ValueError, KeyError, TypeError) as error:
                log.error("a connection that was kept is lost: %s", error)
                self._keeper.drop(kept.key)
                os.close(kept.descriptor)
                continue
            entry = find(container)
            if entry is None:
                self._release(held, exit_code)
            elif _was_given(entry.container, held):
                self._close(held)
            else:
                self._keeper.adopt(kept.key, kept.descriptor, partial(_record, entry.container, held))
                self._watch(entry, held)

    def close(self, entries: Iterable[Entry]) -> None:
        """Let go of all. The keeper has copies for the next daemon."""
        self._keeper.close()
        self._hangups.close()
        for entry in entries:
            for held in entry.held:
                os.close(held.descriptor)
            entry.held = []


def _was_given(container: Container, held: Held) -> bool:
    """Whether there was a start since: its shim got the connection."""
    state = container.state
    return state.alive or max(state.started_at, state.finished_at) > held.since


def wait_body(exit_code: int) -> bytes:
    """The body of a held wait's response: one chunk, and the last chunk."""
    text = json.dumps({"StatusCode": exit_code}, separators=(",", ":")).encode() + b"\n"
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(text), text)


def _record(container: Container, held: Held) -> bytes:
    """What the next daemon has to know. The exit code is the last one as long as the connection is held."""
    record = {
        "v": RECORD_VERSION,
        "container": container.id,
        "exit_code": container.state.exit_code,
        "since": held.since,
        "op": OP_ATTACH if isinstance(held.request, Attach) else OP_WAIT,
        "request": asdict(held.request),
    }
    return json.dumps(record, separators=(",", ":")).encode()


def _read(kept: Kept) -> tuple[str, int, Held]:
    """The inverse: container, its exit code, connection. ValueError, KeyError or TypeError if it can't be read."""
    record = json.loads(kept.record)
    if not isinstance(record["request"], dict):
        raise TypeError("its request is no object")
    kind: type[Attach] | type[Wait] = {OP_ATTACH: Attach, OP_WAIT: Wait}[record["op"]]
    held = Held(kept.descriptor, protocol.decode(kind, record["request"]), int(record["since"]), kept.key)
    return str(record["container"]), int(record["exit_code"]), held
