"""The containers of this engine: one method a verb, each handing over to the verb's module.

References (`ref`) are names, ids or id prefixes as the client gave them. Every error is a kind from `restd.errors`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from restd.config import Config
from restd.container import copy
from restd.container.announce import Announcer
from restd.container.attach import attach
from restd.container.commit import Commit, commit
from restd.container.connect import connect, disconnect
from restd.container.create import Created, Creator
from restd.container.exec import Execs
from restd.container.exited import Exits
from restd.container.export import changed, export
from restd.container.gc import Collector, Leftover
from restd.container.held import HeldClients
from restd.container.kill import kill, kill_at_once
from restd.container.list import Counts, ListQuery, count, listed
from restd.container.logs import LogStream, read_logs
from restd.container.monitor import Monitors
from restd.container.pause import pause, unpause
from restd.container.probe import Prober
from restd.container.records import Records
from restd.container.registry import Entry, Registry
from restd.container.remove import Remover
from restd.container.rename import rename
from restd.container.resize import resize
from restd.container.restart import restart
from restd.container.restore import Restorer
from restd.container.revive import Revivals
from restd.container.sandboxes import Sandboxes
from restd.container.start import Starter
from restd.container.stats import sample, samples
from restd.container.steps import ContainerSteps, StepLimits
from restd.container.stop import stop
from restd.container.top import Top, top
from restd.container.trees import Trees
from restd.container.volume_mounts import VolumeMounts
from restd.container.wait import WaitResult, wait
from restd.errors import InvalidParameter, NotFound
from restd.events import Events
from restd.image.store import ImageStore
from restd.image.tree import PathStat
from restd.lib.host import Host
from restd.lib.tasks import TaskGroup
from restd.lib.usage import Usage
from restd.logs.query import LogQuery
from restd.model.connection import AttachOptions, Connection, Heads
from restd.model.container import Container, CreateRequest, Endpoint, Exec, ExecConfig, HostConfig
from restd.model.image import ImageUse
from restd.network.networks import Networks
from restd.runtime.dispatch import Runtimes
from restd.runtime.keeper import Keeper
from restd.runtime.nursery import Nursery
from restd.volume.volumes import Volumes

log = logging.getLogger(__name__)

CHORES_SECONDS = 5.0
"""How long a stop waits for clean-ups that are under way."""

__all__ = ["Containers", "Counts", "Created", "Leftover", "ListQuery"]


class Containers:
    """Build it, `prepare()`, then `open()` before anything else; `close()` lets go while the containers run on."""

    def __init__(
        self, config: Config, host: Host, events: Events, images: ImageStore, networks: Networks, volumes: Volumes
    ) -> None:
        self._images = images
        self._config = config
        self._networks = networks
        self._tasks = tasks = TaskGroup("containers")
        self._chores = chores = TaskGroup("chores")
        self._registry = registry = Registry()
        self._nursery = Nursery(config.state)
        self._runtimes = runtimes = Runtimes(config, self._nursery)
        self._records = records = Records(config)
        self._announcer = announcer = Announcer(events)
        self._held = held = HeldClients(Keeper(config.state, self._nursery, tasks), config.attach_limit)
        self._volume_mounts = volume_mounts = VolumeMounts(config, registry, volumes, images)
        self._trees = Trees(images, volume_mounts)
        self._execs = Execs(config, host, registry, images, runtimes, announcer, tasks)
        self._monitors = monitors = Monitors(records, announcer, Prober(self._execs, max(2, host.cpus)), tasks)
        self._collector = collector = Collector(tasks)
        self._remover = remover = Remover(registry, records, images, announcer, held, volume_mounts, collector, chores)
        self._sandboxes = sandboxes = Sandboxes(config, registry, networks, collector, chores)
        self._exits = exits = Exits(
            records,
            images,
            runtimes,
            announcer,
            collector,
            tasks,
            chores,
            remover.after_exit,
            self._revive,
            held,
            sandboxes,
            monitors,
            volume_mounts,
        )
        self._creator = Creator(config, host, registry, records, images, runtimes, announcer, networks, volume_mounts)
        self._starter = Starter(
            config,
            host,
            registry,
            records,
            images,
            runtimes,
            announcer,
            exits,
            remover,
            held,
            sandboxes,
            volume_mounts,
            tasks,
            monitors,
        )
        self._revivals = Revivals(registry, self._starter, tasks, chores)
        self._restorer = Restorer(
            config,
            registry,
            records,
            images,
            runtimes,
            exits,
            remover,
            collector,
            chores,
            self._revivals.schedule,
            sandboxes,
            monitors,
            volume_mounts,
        )

    def _revive(self, entry: Entry) -> None:
        """Exits and revivals need each other: this is where they meet."""
        self._revivals.schedule(entry)

    async def prepare(self) -> None:
        """What needs no state, and takes its time."""
        await self._nursery.start()

    async def open(self) -> None:
        """Bring back what the disk knows, and compare it with what really runs."""
        await self._restorer.restore()
        await self._held.restore(self._registry.get)
        self._execs.restore()
        self._revivals.open()

    async def close(self) -> None:
        """Let go of shims, clients and background work. Containers and their attached clients go on."""
        self._monitors.close()
        await self._tasks.close()
        if not await self._chores.drain(CHORES_SECONDS):
            log.warning("some clean-ups did not end within %.0f s; the next start takes them up", CHORES_SECONDS)
        await self._chores.close()
        self._sandboxes.close()
        self._held.close(self._registry)
        for entry in self._registry:
            if entry.link is not None:
                entry.link.close()
        await self._nursery.close()

    def _find(self, ref: str) -> Entry:
        """The entry, after a look for an exit that its shim has recorded but not told yet."""
        entry = self._registry.find(ref)
        self._exits.notice(entry)
        return entry

    async def _settled(self, ref: str) -> Entry:
        """As `_find`, but after the moment of a start: who has heard the process already finds it running."""
        entry = self._find(ref)
        if entry.beginning is not None:
            await entry.beginning.wait()
            self._exits.notice(entry)
        return entry

    def beginning(self, ref: str) -> bool:
        """Whether a start is at the moment where its process may be heard and is not noted as running yet."""
        return self._registry.find(ref).beginning is not None

    async def settled(self, ref: str) -> None:
        """Wait for the end of that moment."""
        await self._settled(ref)

    async def create(self, request: CreateRequest) -> Created:
        """Make a container; nothing runs yet. On return it survives a power cut."""
        self._held.expect()
        return await self._creator.create(request)

    def get(self, ref: str) -> Container:
        """The container as it is now: never `Running` after somebody saw its end."""
        return self._find(ref).container

    def list(self, query: ListQuery) -> Sequence[Container]:
        """The containers that `query` asks for, newest first."""
        for entry in self._registry:
            self._exits.notice(entry)
        return listed(self._registry, query, self._with_descendants)

    def _with_descendants(self, reference: str) -> frozenset[str]:
        """Ids of the image that `reference` means and of those built on it; none if there is no such image."""
        try:
            image = self._images.resolve(reference)
        except (NotFound, InvalidParameter):
            return frozenset()
        below = image.diff_ids
        children = (other.id for other in self._images.list() if below and other.diff_ids[: len(below)] == below)
        return frozenset({image.id, *children})

    def counts(self) -> Counts:
        """How many containers run, are paused, are stopped."""
        return count(self._registry)

    def execs(self, container_id: str) -> Sequence[str]:
        """Ids of the container's running execs."""
        return self._execs.running(self._registry.find(container_id))

    def leftovers(self, container_id: str = "") -> Sequence[Leftover]:
        """What could not be cleaned up so far: of one container, or all there is."""
        return self._collector.of(container_id) if container_id else self._collector.leftovers

    def volume_users(self, name: str) -> Sequence[str]:
        """The ids of the containers that have a volume."""
        return self._volume_mounts.users(name)

    def volume_references(self) -> Mapping[str, Sequence[str]]:
        """The same of all volumes at once, by name."""
        return self._volume_mounts.references()

    def image_uses(self) -> Sequence[ImageUse]:
        """Which images the containers need."""
        return [
            ImageUse(entry.container.id, entry.container.state.running, entry.container.image)
            for entry in self._registry
        ]

    def graph_driver(self, container: Container) -> dict[str, Any]:
        """`GraphDriver` of inspect."""
        try:
            driver = self._images.overlay.graph_driver(container.id)
        except NotFound:  # a dead container may have lost its layer
            return {"Name": "overlay2", "Data": None}
        return {"Name": driver.name, "Data": dict(driver.data)}

    async def sizes(self, container: Container) -> tuple[int, int]:
        """Bytes the container wrote, and those with its image's: `SizeRw`, `SizeRootFs`."""
        try:
            sizes = await self._images.overlay.sizes(container.id)
        except NotFound:  # as above
            return 0, 0
        return sizes.rw, sizes.root_fs

    async def start(self, ref: str, detach_keys: str = "") -> None:  # noqa: ARG002 - the keys come with the attach
        """Run it. NotModified if it runs already."""
        await self._starter.start(self._find(ref))

    async def stop(self, ref: str, timeout: int | None, signal: str) -> None:
        """Stop signal, then KILL after `timeout` seconds (None: the container's own; negative: never)."""
        entry = await self._settled(ref)
        with self._monitors.held(entry):
            await stop(entry, timeout, signal, self._runtimes, self._exits, self._announcer)

    async def restart(self, ref: str, timeout: int | None, signal: str) -> None:
        """Stop it if it runs, and start it."""
        entry = await self._settled(ref)
        with self._monitors.held(entry):
            await restart(entry, timeout, signal, self._runtimes, self._exits, self._announcer, self._starter)

    async def kill(self, ref: str, signal: str) -> None:
        """Send a signal, KILL by default; returns after the end if the signal is KILL."""
        entry = await self._settled(ref)
        await kill(entry, ref, signal, self._runtimes, self._exits, self._announcer)
        self._monitors.release(entry)  # it may have been thawed to take the signal, and go on

    async def pause(self, ref: str) -> None:
        """Freeze all its processes."""
        entry = await self._settled(ref)
        with self._monitors.held(entry):
            await pause(entry, self._runtimes, self._records, self._announcer)

    async def unpause(self, ref: str) -> None:
        """Thaw them."""
        entry = await self._settled(ref)
        await unpause(entry, self._runtimes, self._records, self._announcer)
        self._monitors.release(entry)

    async def rename(self, ref: str, name: str) -> None:
        """Give it another name."""
        await rename(self._find(ref), name, self._registry, self._records, self._announcer, self._sandboxes)

    async def connect(self, ref: str, network: str, endpoint: Endpoint) -> None:
        """Put it on one more network, at once if it runs."""
        await connect(await self._settled(ref), network, endpoint, self._networks, self._records, self._sandboxes)

    async def disconnect(self, ref: str, network: str, *, force: bool) -> None:
        """Take it off a network, at once if it runs. With `force` also off one that is gone."""
        await disconnect(await self._settled(ref), network, self._networks, self._records, self._sandboxes, force=force)

    async def vacated(self, network_id: str) -> None:
        """Wait a while until containers that have ended are off a network: who saw their end may remove it."""
        for entry in self._registry:
            self._exits.notice(entry)
        await self._sandboxes.settled(network_id)

    async def remove(self, ref: str, *, force: bool, volumes: bool, link: bool) -> None:
        """Remove it. With `force` also a running one. `volumes`: its anonymous ones too."""
        entry = await self._settled(ref)
        self._remover.check(entry, ref, force=force, link=link)
        if entry.container.state.running:
            await kill_at_once(entry, self._runtimes, self._exits, self._announcer)
            if entry.container.host_config.auto_remove and await self._remover.finished(entry):
                return
        await self._remover.finish(entry, volumes=volumes)

    async def resize(self, ref: str, height: int, width: int) -> None:
        """Set the size of its terminal."""
        await resize(await self._settled(ref), height, width, self._announcer)

    async def top(self, ref: str, ps_args: str) -> Top:
        """Its processes, as the host's `ps` shows them."""
        return await top(await self._settled(ref), ps_args, self._runtimes, self._announcer)

    async def sample(self, ref: str) -> Usage | None:
        """What it uses now; None if it doesn't run."""
        return await sample(self._find(ref))

    def samples(self, ref: str) -> AsyncIterator[tuple[str, Usage | None]]:
        """Its name and the same, every second until it is removed."""
        return samples(self._find(ref))

    async def logs(self, ref: str, query: LogQuery) -> LogStream:
        """Its log."""
        return await read_logs(await self._settled(ref), query)

    async def attach(self, ref: str, options: AttachOptions, connection: Connection, heads: Heads) -> None:
        """Join a client's connection to its streams. Raises before anything was written, or gives it away."""
        await attach(self._find(ref), options, connection, heads, self._held, self._tasks, self._announcer)

    async def wait(self, ref: str, condition: str, connection: Connection, heads: Heads) -> WaitResult | None:
        """The result if it is known at once; else the connection is given away and None returned."""
        return await wait(await self._settled(ref), condition, connection, heads, self._held)

    async def stat_path(self, ref: str, path: str) -> PathStat:
        """What is at a path in it."""
        return await copy.stat_path(await self._settled(ref), path, self._trees)

    async def copy_from(self, ref: str, path: str) -> copy.Copied:
        """Files of it, as a tar."""
        return await copy.copy_from(await self._settled(ref), path, self._trees, self._announcer)

    async def copy_to(self, ref: str, path: str, stream: AsyncIterator[bytes], *, keep_kind: bool, own: bool) -> None:
        """Unpack an archive in it. See `copy.copy_to`."""
        entry = await self._settled(ref)
        await copy.copy_to(entry, path, stream, self._trees, self._announcer, keep_kind=keep_kind, own=own)

    async def export(self, ref: str) -> AsyncIterator[bytes]:
        """Its root file system, as a tar."""
        return await export(await self._settled(ref), self._trees, self._announcer)

    async def changes(self, ref: str) -> Sequence[tuple[str, int]]:
        """What it changed over its image."""
        return await changed(await self._settled(ref), self._images)

    async def commit(self, ref: str, asked: Commit) -> str:
        """Make an image of it; the image's id."""
        entry = await self._settled(ref)
        image = await commit(entry, asked, self._images, self._runtimes, self._records, self._announcer)
        return image.id

    def steps(self, host_config: HostConfig) -> ContainerSteps:
        """Who runs the commands of a build, all under one HostConfig."""

        async def kill_one(entry: Entry) -> None:
            await kill_at_once(entry, self._runtimes, self._exits, self._announcer)

        limits = StepLimits(host_config, self._config.state)
        return ContainerSteps(limits, self._registry, self._creator, self._starter, kill_one, self._remover.finish)

    async def exec_create(self, ref: str, config: ExecConfig) -> str:
        """Prepare an exec; its id."""
        return await self._execs.create(await self._settled(ref), config)

    async def exec_start(
        self,
        exec_id: str,
        *,
        detach: bool,
        tty: bool,
        console_size: tuple[int, int] | None,
        connection: Connection | None,
        heads: Heads | None,
    ) -> None:
        """Run a prepared exec; the connection, if any, is given away."""
        await self._execs.start(
            exec_id, detach=detach, tty=tty, console_size=console_size, connection=connection, heads=heads
        )

    def exec_inspect(self, exec_id: str) -> Exec:
        """The exec as it is now."""
        return self._execs.inspect(exec_id)

    async def exec_resize(self, exec_id: str, height: int, width: int) -> None:
        """Set the size of an exec's terminal; waits a little for it to start."""
        await self._execs.resize(exec_id, height, width)
