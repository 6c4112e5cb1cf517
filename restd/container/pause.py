"""Pause and unpause: freeze all processes of a container, and thaw them."""

from __future__ import annotations

from dataclasses import replace

from restd.container import state
from restd.container.announce import Announcer
from restd.container.records import Records
from restd.container.registry import Entry
from restd.errors import Conflict, SystemFailure
from restd.lib.cgroups import is_frozen
from restd.model.container import Status
from restd.runtime.base import RuntimeFailure
from restd.runtime.dispatch import Runtimes


async def pause(entry: Entry, runtimes: Runtimes, records: Records, announcer: Announcer) -> None:
    """Freeze. Conflict if it does not run, or is frozen already."""
    async with entry.lock:
        container = entry.container
        state.check_pause(container)
        try:
            await runtimes.of(container).pause(container)
        except RuntimeFailure as error:
            if error.kind == "gone":  # its end has not been told yet
                raise Conflict(f"container {container.id} is not running") from error
            raise SystemFailure(f"cannot pause container {container.id}: {error}") from error
        if entry.container.state.status is Status.RUNNING:
            entry.container = replace(entry.container, state=state.paused(entry.container.state))
            records.save_state(entry.container)
            announcer(entry.container, "pause")


async def unpause(entry: Entry, runtimes: Runtimes, records: Records, announcer: Announcer) -> None:
    """Thaw. Conflict if it is not frozen."""
    async with entry.lock:
        container = entry.container
        state.check_unpause(container)
        try:
            await runtimes.of(container).resume(container)
        except RuntimeFailure as error:
            if error.kind == "gone":
                raise Conflict(f"container {container.id} is not running") from error
            frozen = is_frozen(container.state.pid)
            if frozen is None:  # there is nothing left to thaw: its end has not been told yet
                raise Conflict(f"container {container.id} is not running") from error
            if frozen:  # if not, somebody else has thawed it
                raise SystemFailure(f"cannot unpause container {container.id}: {error}") from error
        if entry.container.state.status is Status.PAUSED:
            entry.container = replace(entry.container, state=state.unpaused(entry.container.state))
            records.save_state(entry.container)
            announcer(entry.container, "unpause")
