"""The volumes of this engine: made, listed, removed; and for containers: taken, filled, let go.

Who has a volume is computed from the containers, never stored: `users` is asked when it matters. What is counted here
lives as long as the daemon: creates under way (`claim`), and the runs that have a volume mounted (`take`, `hold`).
Verbs on one volume follow one another, those on different ones don't wait for each other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from restd.errors import Conflict, NotFound, SystemFailure
from restd.events import Events
from restd.filters import Filters
from restd.lib.files import tree_size
from restd.lib.ids import new_id
from restd.lib.tasks import TaskGroup
from restd.lib.times import now_ns
from restd.model.volume import ANONYMOUS_LABEL, LOCAL, Volume, VolumeUsage
from restd.volume import filling, mounting
from restd.volume.options import check_driver, check_name, check_options, device_of
from restd.volume.selection import LIST_FILTERS, PRUNE_FILTERS, selected
from restd.volume.store import FILLING, VolumeStore

log = logging.getLogger(__name__)

Users = Callable[[str], Sequence[str]]
"""The ids of the containers that have a volume, by its name."""


@dataclass(slots=True)
class _Known:
    """A volume in memory. `claims`: creates under way; `runs`: running containers; `owner` as in the store.

    `stale`: the owner was set by an earlier daemon.
    """

    volume: Volume
    owner: str = ""
    stale: bool = False
    claims: set[str] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)


class Volumes:
    """`open()` first, `close()` last. `problems` lists, for people, what could not be read."""

    def __init__(self, root: str, events: Events) -> None:
        self._store = VolumeStore(root)
        self._events = events
        self._tasks = TaskGroup("volumes")
        self._known: dict[str, _Known] = {}
        self._busy: dict[str, asyncio.Event] = {}
        self._pruning = False
        self.problems: list[str] = []

    async def open(self) -> None:
        """Read what is there. `settle` follows, when the containers are known."""
        found, problems = await asyncio.to_thread(self._store.open)
        self.problems += problems
        self._known = {stored.volume.name: _Known(stored.volume, stored.owner, stale=True) for stored in found}
        self._empty_trash()

    async def close(self) -> None:
        """Stop the background work."""
        await self._tasks.close()

    @contextlib.asynccontextmanager
    async def _alone(self, name: str) -> AsyncIterator[None]:
        """One verb at a time on a volume, also while it is being made or removed."""
        while (other := self._busy.get(name)) is not None:
            await other.wait()
        mine = self._busy[name] = asyncio.Event()
        try:
            yield
        finally:
            del self._busy[name]
            mine.set()

    def _publish(self, name: str, action: str, **attributes: str) -> None:
        self._events.publish("volume", action, name, {"driver": LOCAL, **attributes})

    # -- verbs of the API ----------------------------------------------------------------------------------------------

    async def create(
        self,
        name: str = "",
        driver: str = "",
        options: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        *,
        owner: str = "",
    ) -> Volume:
        """The volume of that name, made if there is none; on return it survives a power cut.

        Without a name it is an anonymous one. `owner` is the container whose create needs it: it is claimed for that
        until `unclaim`, and a new anonymous one goes with it if the create doesn't come to its end.
        """
        check_driver(name, driver)
        anonymous = not name
        if anonymous:
            name, labels = new_id(), {**(labels or {}), ANONYMOUS_LABEL: ""}
        check_name(name)
        async with self._alone(name):
            known = self._known.get(name)
            if known is None:
                check_options(name, options or {})
                known = await self._make(name, options, labels, owner if anonymous else "")
            if owner:
                known.claims.add(owner)
            return known.volume

    async def _make(
        self, name: str, options: Mapping[str, str] | None, labels: Mapping[str, str] | None, owner: str
    ) -> _Known:
        volume = Volume(
            name,
            self._store.data(name),
            now_ns(),
            None if labels is None else dict(labels),
            None if options is None else dict(options),
        )
        try:
            await asyncio.to_thread(self._store.create, volume, owner)
        except OSError as error:
            raise SystemFailure(f"create {name}: {error}") from error
        known = self._known[name] = _Known(volume, owner)
        self._publish(name, "create")
        return known

    def get(self, name: str) -> Volume:
        """The volume of exactly this name; NotFound in Docker's words."""
        return self._find(name).volume

    def _find(self, name: str) -> _Known:
        known = self._known.get(name)
        if known is None:
            raise NotFound(f"get {name}: no such volume")
        return known

    def list(self, filters: Filters, users: Users) -> Sequence[Volume]:
        """The volumes that pass, by name. InvalidParameter for a filter that there is not."""
        filters.check(LIST_FILTERS)
        return selected(self._all(), filters, lambda name: bool(self._using(name, users)))

    def _all(self) -> Sequence[Volume]:
        return [self._known[name].volume for name in sorted(self._known)]

    def _using(self, name: str, users: Users) -> Sequence[str]:
        return sorted({*users(name), *self._known[name].claims})

    async def remove(self, name: str, users: Users, *, force: bool = False) -> None:
        """Remove it, with its files. NotFound (nothing with `force`), Conflict while a container has it."""
        if name not in self._known and force:
            return
        self._find(name)
        async with self._alone(name):
            known = self._find(name)
            if using := self._using(name, users):
                raise Conflict(f"remove {name}: volume is in use - [{', '.join(using)}]")
            await self._remove(known)

    async def _remove(self, known: _Known) -> None:
        volume = known.volume
        del self._known[volume.name]  # nobody finds it any more; a create of the same name waits
        try:
            await mounting.unmount(device_of(volume.options), volume.mountpoint)
            below = await asyncio.to_thread(mounting.targets_below, self._store.home(volume.name))
            if below:
                raise SystemFailure(f"something is mounted at {below[0]}")
            await asyncio.to_thread(self._store.discard, volume.name)
        except (SystemFailure, OSError) as error:
            self._known[volume.name] = known
            raise SystemFailure(f"remove {volume.name}: {error}") from error
        self._publish(volume.name, "destroy")
        self._empty_trash()

    def _empty_trash(self) -> None:
        with contextlib.suppress(RuntimeError):  # closing down: the next start does it
            self._tasks.start(asyncio.to_thread(_delete, self._store.rubbish()), "trash")

    async def prune(self, filters: Filters, users: Users, *, everything: bool = False) -> tuple[Sequence[str], int]:
        """Remove what no container has: anonymous ones, or with `everything` (or the filter `all`) named ones too.

        Volumes with driver options stay, as in Docker. The names, and the bytes that are free now. Conflict if another
        is under way.
        """
        filters.check(PRUNE_FILTERS)
        everything = filters.flag("all", everything)
        if self._pruning:
            raise Conflict("a prune operation is already running")
        self._pruning = True
        try:
            removed, reclaimed = [], 0
            for volume in selected(self._all(), filters, lambda _: False):
                if volume.options or not (everything or volume.anonymous):
                    continue
                size = await self._prune_one(volume.name, users)
                if size is not None:
                    removed.append(volume.name)
                    reclaimed += size
        finally:
            self._pruning = False
        self._events.publish("volume", "prune", "", {"reclaimed": str(reclaimed)})
        return removed, reclaimed

    async def _prune_one(self, name: str, users: Users) -> int | None:
        """The bytes it took; None if it is in use or gone."""
        async with self._alone(name):
            known = self._known.get(name)
            if known is None or self._using(name, users):
                return None
            size = await asyncio.to_thread(tree_size, known.volume.mountpoint)
            if self._using(name, users):
                return None
            await self._remove(known)
            return size

    async def usage(self, users: Users) -> Sequence[VolumeUsage]:
        """What each volume takes, for `GET /system/df`; without those that mount something else, as in Docker."""
        plain = [volume for volume in self._all() if not volume.options]
        result = []
        for volume in plain:
            size = await asyncio.to_thread(tree_size, volume.mountpoint)
            if volume.name in self._known:
                result.append(VolumeUsage(volume, size, len(self._using(volume.name, users))))
        return result

    # -- for containers ------------------------------------------------------------------------------------------------

    def claim(self, name: str, owner: str) -> None:
        """Keep an existing volume for a create under way. NotFound if it has just gone."""
        self._find(name).claims.add(owner)

    def unclaim(self, names: Iterable[str], owner: str) -> None:
        """The create is over: the container is known now, or will never be."""
        for name in names:
            if (known := self._known.get(name)) is not None:
                known.claims.discard(owner)

    async def disown(self, names: Iterable[str], owner: str) -> None:
        """The anonymous volumes of a container stay, now that it is on disk."""
        for name in names:
            async with self._alone(name):
                known = self._known.get(name)
                if known is not None and known.owner == owner:
                    known.owner = ""
                    await asyncio.to_thread(self._store.set_owner, name, "")

    async def doom(self, names: Iterable[str], owner: str) -> None:
        """These go with a container that is about to be removed, also if the daemon ends in between."""
        for name in names:
            async with self._alone(name):
                if (known := self._known.get(name)) is not None:
                    known.owner, known.stale = owner, False
                    await asyncio.to_thread(self._store.set_owner, name, owner)

    def owned(self, name: str, owner: str) -> bool:
        """Whether a volume is marked as one that goes with this container."""
        known = self._known.get(name)
        return known is not None and known.owner == owner

    async def remove_owned(self, names: Iterable[str], owner: str, users: Users) -> None:
        """Remove those that still belong to a container that is gone; what others have too stays."""
        for name in names:
            async with self._alone(name):
                known = self._known.get(name)
                if known is None or known.owner != owner:
                    continue
                if self._using(name, users):
                    known.owner = ""
                    await asyncio.to_thread(self._store.set_owner, name, "")
                else:
                    await self._remove(known)

    async def settle(self, containers: Collection[str], users: Users) -> None:
        """After a start: remove what a crash left of creates and removals, unmount what nobody uses.

        `containers`: the ids of all that there are. Those that run have been held. Removals of this daemon may be
        under way already: what they have marked is theirs.
        """
        for known in list(self._known.values()):
            name = known.volume.name
            if known.stale and known.owner in containers:
                await self.disown([name], known.owner)
            elif known.stale and known.owner:
                await self.remove_owned([name], known.owner, users)
            if name in self._known and device_of(known.volume.options) is not None:
                self._tasks.start(self._unmount_unused(known), f"unmount {name}")

    async def _unmount_unused(self, known: _Known) -> None:
        async with self._alone(known.volume.name):
            if not known.runs:
                try:
                    await mounting.unmount(device_of(known.volume.options), known.volume.mountpoint)
                except SystemFailure as error:  # the next use tries again
                    log.warning("volume %s: %s", known.volume.name, error)

    def hold(self, name: str, container_id: str) -> None:
        """A container that ran before this daemon has the volume."""
        if (known := self._known.get(name)) is not None:
            known.runs.add(container_id)

    async def take(self, name: str, container_id: str, target: str, *, read_only: bool) -> str:
        """The folder of a volume for a container that is about to run, mounted if its options ask for that.

        `target` and `read_only` are for the event. SystemFailure in Docker's words if it can't be had.
        """
        async with self._alone(name):
            known = self._find(name)
            try:
                await self._mount(known)
            except SystemFailure as error:
                raise SystemFailure(f"error while mounting volume '{known.volume.mountpoint}': {error}") from error
            known.runs.add(container_id)
        self._publish(
            name,
            "mount",
            **{
                "container": container_id,
                "destination": target,
                "propagation": "",
                "read/write": "false" if read_only else "true",
            },
        )
        return known.volume.mountpoint

    async def _mount(self, known: _Known) -> None:
        """Mount what the options name, unless it is there already."""
        volume = known.volume
        device = device_of(volume.options)
        if device is not None and not (known.runs and mounting.is_mounted(volume.mountpoint)):
            await mounting.unmount(device, volume.mountpoint)
            await mounting.mount(device, volume.mountpoint)
        if not os.path.isdir(volume.mountpoint):
            raise SystemFailure(f"{volume.mountpoint}: no such file or directory")

    async def release(self, name: str, container_id: str) -> None:
        """A container's run is over; with the last one what the options name is unmounted. SystemFailure if busy."""
        async with self._alone(name):
            known = self._known.get(name)
            if known is None or container_id not in known.runs:
                return
            if known.runs == {container_id} and (device := device_of(known.volume.options)) is not None:
                await mounting.unmount(device, known.volume.mountpoint)
            known.runs.discard(container_id)
        self._publish(name, "unmount", container=container_id)

    @contextlib.asynccontextmanager
    async def borrowed(self, name: str) -> AsyncIterator[str]:
        """The folder of a volume for a while, mounted if need be, without anybody being told."""
        token = object()
        async with self._alone(name):
            known = self._find(name)
            await self._mount(known)
            known.runs.add(str(id(token)))
        try:
            yield known.volume.mountpoint
        finally:
            async with self._alone(name):
                known.runs.discard(str(id(token)))
                if not known.runs and (device := device_of(known.volume.options)) is not None:
                    await mounting.unmount(device, known.volume.mountpoint)

    async def fill(self, name: str, source: int) -> None:
        """Copy the image's folder `source` (a descriptor) into the volume if that is empty."""
        async with self._alone(name):
            known = self._find(name)
            device = device_of(known.volume.options)
            await self._mount(known)
            try:
                if filling.is_empty(known.volume.mountpoint):
                    apart = device is None and not known.runs
                    beside = os.path.join(self._store.home(name), FILLING) if apart else ""
                    await self._fill(source, known.volume.mountpoint, beside)
            finally:
                if device is not None and not known.runs:
                    await mounting.unmount(device, known.volume.mountpoint)

    async def _fill(self, source: int, data: str, beside: str) -> None:
        try:
            await filling.fill(source, data, beside)
        except OSError as error:
            raise SystemFailure(f"cannot copy the image's files into the volume: {error}") from error
        finally:
            if beside and os.path.lexists(beside):
                await asyncio.to_thread(shutil.rmtree, beside, ignore_errors=True)


def _delete(paths: list[str]) -> None:
    for path in paths:
        shutil.rmtree(path, ignore_errors=True)
