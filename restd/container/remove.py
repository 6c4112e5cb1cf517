"""Remove: out of sight at once and as a whole, then out of the way in the background.

The folder is renamed into the trash; a crash after that leaves nothing that could come back. What the shim still does
for those who wait for the removal, it does when the run-time folder is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from dataclasses import replace
from functools import partial

from restd.container import run_folder, state
from restd.container.announce import Announcer
from restd.container.gc import Collector
from restd.container.held import HeldClients
from restd.container.records import Records
from restd.container.registry import Entry, Registry
from restd.container.volume_mounts import VolumeMounts
from restd.errors import Conflict, EngineError, InvalidParameter, NotFound, SystemFailure
from restd.image.store import ImageStore
from restd.lib.tasks import TaskGroup

UNMOUNT_SECONDS = 30.0


class Remover:
    """Removes containers that don't run."""

    def __init__(
        self,
        registry: Registry,
        records: Records,
        images: ImageStore,
        announcer: Announcer,
        held: HeldClients,
        volumes: VolumeMounts,
        collector: Collector,
        chores: TaskGroup,
    ) -> None:
        self._registry = registry
        self._records = records
        self._images = images
        self._announce = announcer
        self._held = held
        self._volumes = volumes
        self._collector = collector
        self._chores = chores
        self._emptying = False
        self._rubbish: list[str] = []

    def check(self, entry: Entry, reference: str, *, force: bool, link: bool) -> None:
        """Conflict, in Docker's words, if it can't be removed; a running one can with `force`, after a kill."""
        if link:
            raise InvalidParameter(f"Could not get parent for {reference}: links between containers are not supported")
        state.check_remove(entry.container, reference, force=force)

    async def finish(self, entry: Entry, *, volumes: bool = False) -> None:
        """Remove an ended container, with its anonymous volumes if `volumes`. On return its name is free.

        Does nothing if it is gone already.

        Conflict if another removal is on its way, or if it runs. If it can't be done the container is dead: only
        another removal helps.
        """
        async with entry.lock:
            container = entry.container
            if entry.removed.is_set():
                return
            if container.state.running:
                raise Conflict(f'cannot remove container "{container.name}": container is running')
            state.check_remove(container, container.name, force=True)
            entry.container = replace(container, state=state.removing(container.state))
        if volumes:  # before the state: whoever finishes the removal finds them marked
            await self._volumes.doom(container)
        with contextlib.suppress(OSError):  # a full disk must not keep anybody from making room
            self._records.save_state(entry.container)  # a daemon that comes later finishes what this one begins
        try:
            await self._remove(entry, volumes=volumes)
        except (EngineError, OSError) as error:
            entry.container = replace(entry.container, state=state.dead(entry.container.state, str(error)))
            with contextlib.suppress(OSError):
                self._records.save_state(entry.container)
            raise SystemFailure(f'cannot remove container "{container.name}": {error}') from error

    async def _remove(self, entry: Entry, *, volumes: bool) -> None:
        container = entry.container
        if entry.unmounting is not None:
            await asyncio.wait([entry.unmounting], timeout=UNMOUNT_SECONDS)
        await self._images.overlay.remove(container.id)
        discarded = self._records.discard(container.directory)
        async with entry.lock:
            self._registry.discard(entry)
            entry.removed.set()
            self._held.release(entry, container.state.exit_code)
        if volumes:
            job = partial(self._volumes.remove_with, container)
            await self._collector.attempt(f"anonymous volumes of container {container.id}", job)
        self._announce(container, "destroy")
        if entry.link is not None:
            entry.link.close()
        taken = [await run_folder.take_away(container.run_directory), discarded]
        self._rubbish += [path for path in taken if path]
        if not self._emptying:
            self._emptying = True
            self._chores.start(self._empty(), "trash")

    async def _empty(self) -> None:
        """Delete what was taken away, and what is taken away meanwhile."""
        try:
            while self._rubbish:
                paths, self._rubbish = self._rubbish, []
                for path in await asyncio.to_thread(_undeleted, paths):
                    job = partial(asyncio.to_thread, shutil.rmtree, path)
                    await self._collector.attempt(f"the files of a removed container in {path}", job)
        finally:
            self._emptying = False

    async def finished(self, entry: Entry) -> bool:
        """Wait for the removal that the end of an AutoRemove container brings; False if it failed or takes too long."""
        if entry.cleaning is not None:
            await asyncio.wait([entry.cleaning], timeout=UNMOUNT_SECONDS)
        return entry.removed.is_set()

    async def after_exit(self, entry: Entry) -> None:
        """The removal of an AutoRemove container at its end; somebody else may be at it already."""
        with contextlib.suppress(Conflict, NotFound):
            await self.finish(entry, volumes=True)


def _undeleted(paths: list[str]) -> list[str]:
    """Delete folders; those that did not go."""
    for path in paths:
        shutil.rmtree(path, ignore_errors=True)
    return [path for path in paths if os.path.lexists(path)]
