"""Restore: what the disk knows, compared with what really runs, before the first request is answered.

All containers are read and compared in parallel, each under its own time limit; one that can't be read stops nobody.
What a crash left half-done is finished (a removal, an end, a start whose process runs) or undone (a create, a start
that never came to a process); what belongs to no container is taken away.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from restd.config import Config as EngineConfig
from restd.container import shared_memory, state
from restd.container.exited import Exits
from restd.container.gc import Collector
from restd.container.monitor import Monitors
from restd.container.records import Found, Records, UnknownVersion
from restd.container.registry import Entry, Registry
from restd.container.remove import Remover
from restd.container.sandboxes import Sandboxes
from restd.container.unfinished_start import UnfinishedStarts
from restd.container.volume_mounts import VolumeMounts
from restd.errors import Conflict, EngineError
from restd.image.store import ImageStore
from restd.lib.cgroups import is_frozen
from restd.lib.files import UnreadableFile
from restd.lib.ids import is_id
from restd.lib.tasks import TaskGroup
from restd.model.container import Config, Container, HostConfig, State, Status
from restd.runtime.base import RuntimeFailure
from restd.runtime.dispatch import Runtimes
from restd.runtime.nursery import ShimLink

log = logging.getLogger(__name__)

EACH_SECONDS = 15.0
_NOT_RUNTIMES = frozenset(("runtime-root", "netns", "networks", "dns"))


class Restorer:
    """Fills the registry at start."""

    def __init__(
        self,
        config: EngineConfig,
        registry: Registry,
        records: Records,
        images: ImageStore,
        runtimes: Runtimes,
        exits: Exits,
        remover: Remover,
        collector: Collector,
        chores: TaskGroup,
        revive: Callable[[Entry], None],
        sandboxes: Sandboxes,
        monitors: Monitors,
        volumes: VolumeMounts,
    ) -> None:
        self._config = config
        self._registry = registry
        self._records = records
        self._images = images
        self._runtimes = runtimes
        self._exits = exits
        self._remover = remover
        self._collector = collector
        self._chores = chores
        self._revive = revive
        self._sandboxes = sandboxes
        self._monitors = monitors
        self._unfinished = UnfinishedStarts(records, runtimes)
        self._volumes = volumes

    async def restore(self) -> None:
        """Read and compare everything; long clean-ups go on in the background after the return."""
        self._records.open()
        self._sandboxes.open()
        found = list(self._records.found())
        await asyncio.gather(*(self._guarded(item) for item in found))
        await self._volumes.restored({item.id for item in found if os.path.isdir(item.directory)})
        await self._sandboxes.restored([entry.container for entry in self._registry if entry.container.state.alive])
        # Looked for before the first request can make anything new, taken away in the background.
        known = {item.id for item in found}
        strays = self._runtimes.strays(known)
        layers = [name for name in self._images.overlay.containers() if name not in known]
        folders = [path for path in _run_folders(self._config.state) if os.path.basename(path) not in known]
        self._chores.start(self._sweep(strays, layers, folders), "sweep")

    async def _guarded(self, found: Found) -> None:
        try:
            async with asyncio.timeout(EACH_SECONDS):
                await self._one(found)
        except TimeoutError:
            log.error("container %s could not be restored within %.0f s", found.id, EACH_SECONDS)
            self._add_dead(found, f"could not be restored within {EACH_SECONDS:.0f} s")
        except (EngineError, RuntimeFailure, OSError) as error:
            log.error("container %s could not be restored: %s", found.id, error)
            self._add_dead(found, f"could not be restored: {error}")
        except Exception as error:
            # Whatever is wrong with one, the others and the daemon must come up.
            log.exception("container %s could not be restored", found.id)
            self._add_dead(found, f"could not be restored: {error!r}")

    async def _one(self, found: Found) -> None:
        try:
            container = await asyncio.to_thread(self._records.load, found)
        except UnknownVersion as error:
            log.error("container %s is left alone: %s", found.id, error)
            return
        except (UnreadableFile, FileNotFoundError) as error:
            log.error("container %s: %s", found.id, error)
            self._add_dead(found, str(error))
            return
        if container is None:
            log.warning("container %s was never finished; it is taken away", found.id)
            await self._images.overlay.remove(found.id)
            self._records.discard(found.directory)
            return
        entry = self._add(container)
        await self._compare(entry)

    def _add(self, container: Container) -> Entry:
        try:
            self._registry.reserve_name(container.name, container.id)
        except Conflict as error:
            container = replace(container, name=f"{container.name}-{container.id[:12]}")
            log.error("container %s is now called %s: %s", container.id, container.name, error)
            self._registry.reserve_name(container.name, container.id)
        entry = Entry(container)
        if not container.state.alive:
            entry.exited.set()
        self._registry.add(entry)
        return entry

    def _add_dead(self, found: Found, reason: str) -> None:
        """A container that can't be used is still shown, so that it can be removed."""
        if any(entry.container.id == found.id for entry in self._registry):
            return
        try:
            created = os.stat(found.directory).st_mtime_ns
        except OSError:
            return
        self._add(
            Container(
                id=found.id,
                name=f"unreadable-{found.id[:12]}",
                created=created,
                image="",
                path="",
                args=(),
                config=Config(),
                host_config=HostConfig(),
                runtime=found.runtime,
                directory=found.directory,
                run_directory=self._records.run_directory(found.runtime, found.id),
                state=state.dead(State(), reason),
            )
        )

    async def _compare(self, entry: Entry) -> None:
        """What the files say against what is there."""
        container = entry.container
        link = ShimLink(container.run_directory)
        match container.state.status:
            case Status.RUNNING | Status.PAUSED:
                await self._compare_running(entry, link)
            case Status.CREATED | Status.EXITED | Status.RESTARTING:
                await self._compare_stopped(entry, link)
            case Status.REMOVING:
                entry.container = replace(container, state=state.dead(container.state, "the removal was interrupted"))
                self._clean_if_needed(entry)
                job = partial(self._remover.finish, entry, volumes=self._volumes.doomed(container))
                self._chores.start(
                    self._collector.attempt(f"the removal of container {container.id}", job, container.id),
                    f"remove {container.id[:12]}",
                )

    async def _compare_running(self, entry: Entry, link: ShimLink) -> None:
        entry.link = link
        entry.container = self._sandboxes.restore(entry.container)
        self._exits.notice(entry)
        if not entry.container.state.alive:
            return
        if not link.alive():
            # The shim may have written the record just before its end.
            self._exits.notice(entry)
            if self._gone_with_host(entry.container):
                self._exits.went_down(entry)
            elif entry.container.state.alive:
                await self._exits.lost(entry, "its shim is gone")
            return
        frozen = is_frozen(entry.container.state.pid)
        if frozen is not None:
            status = Status.PAUSED if frozen else Status.RUNNING
            entry.container = replace(entry.container, state=replace(entry.container.state, status=status))
        self._exits.watch(entry, link)
        self._monitors.resume(entry)

    def _gone_with_host(self, container: Container) -> bool:
        """Whether a container believed to run ended with the host: then its process id means somebody else by now.

        Its run-time folder is on a tmpfs as a rule, and the boot id is another one (but in a container or a test).
        """
        if not container.state.alive:
            return False
        rebooted = container.boot_id not in ("", self._records.boot_id)
        return rebooted or not os.path.isdir(container.run_directory)

    async def _compare_stopped(self, entry: Entry, link: ShimLink) -> None:
        """Created or ended; a start may have been under way, an end not cleaned up, a removal not begun.

        One whose restart policy wanted a start gets it now, if the pause is over.
        """
        container = entry.container
        record = link.read_exit_record()
        if record is not None and record.at > container.state.finished_at:
            # It ran and ended, and the state of the start was never written.
            entry.link = link
            entry.container = self._sandboxes.restore(
                state.begun(container, 0, container.state.started_at or record.at)
            )
            self._exits.apply(entry, record)
            return
        unfinished = record is None and link.alive()
        if unfinished and await self._unfinished.take_up(entry, link):
            await self._compare_running(entry, link)
            return
        self._clean_if_needed(entry, surely=unfinished)
        if container.state.status is Status.RESTARTING:
            self._revive(entry)
        ended = container.state.status is Status.EXITED or unfinished
        if container.host_config.auto_remove and ended:
            self._chores.start(self._remover.after_exit(entry), f"remove {container.id[:12]}")

    def _clean_if_needed(self, entry: Entry, *, surely: bool = False) -> None:
        container = entry.container
        mounted = self._images.overlay.is_mounted(container.id) or shared_memory.is_mounted(container)
        if surely or mounted or self._runtimes.keeps(container):
            self._exits.clean(entry)

    async def _sweep(self, strays: list[tuple[str, str]], layers: list[str], folders: list[str]) -> None:
        """Take away what belongs to no container: runtime state with its processes, layers, run-time folders, trash."""
        await asyncio.gather(*(self._delete_stray(runtime, name) for runtime, name in strays))
        for name in layers:
            await self._collector.attempt(f"layer {name}", partial(self._images.overlay.remove, name))
        for path in folders:
            await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
        await asyncio.to_thread(self._records.empty_trash)

    async def _delete_stray(self, runtime: str, name: str) -> None:
        log.warning("%s has a container %s that nobody knows; it is taken away", runtime, name)
        job = partial(self._runtimes.delete_stray, runtime, name)
        await self._collector.attempt(f"the unknown container {name} of {runtime}", job)


def _run_folders(state_root: str) -> Iterable[str]:
    """STATE/RUNTIME/ID and what removals have put aside there; not what others keep in STATE."""
    for runtime in _names(state_root):
        if runtime in _NOT_RUNTIMES:
            continue
        for name in _names(os.path.join(state_root, runtime)):
            if is_id(name) or (name.startswith(".") and len(name) == 22):
                yield os.path.join(state_root, runtime, name)


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return []
