"""The container room with its own parts real, and what lies below them (runtime, shim, images) in memory.

The real ones below are tested through the whole engine; here a test decides when a process ends, what a runtime says
and when it says it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from restd.config import Config as EngineConfig
from restd.container.announce import Announcer
from restd.container.create import Creator
from restd.container.exited import Exits
from restd.container.gc import Collector
from restd.container.health import Plan
from restd.container.held import HeldClients
from restd.container.monitor import Monitors
from restd.container.records import Records
from restd.container.registry import Entry, Registry
from restd.container.remove import Remover
from restd.container.restore import Restorer
from restd.container.revive import Revivals
from restd.container.sandboxes import Sandboxes
from restd.container.start import Starter
from restd.container.volume_mounts import VolumeMounts
from restd.errors import NotFound
from restd.events import Events, Subscription
from restd.lib.tasks import TaskGroup
from restd.model.container import Container, State, Status
from restd.model.health import ProbeResult
from restd.model.image import Image
from restd.runtime.base import Handed, Started
from restd.volume.volumes import Volumes
from shim.protocol import EXIT_RECORD, ExitRecord, News, ProcessSpec, decode, encode
from tests.unit.restd.container import sample
from tests.unit.restd.container.clients import Keeper
from tests.unit.restd.container.nets import Names, Networks, Spaces

PID = 4_000_001
"""Above the highest process id that Linux gives by default: never a process of the host."""


class Link:
    """A shim's link whose shim is the test."""

    def __init__(self, state: str) -> None:
        self.state = state
        self.living = True
        self.queue: asyncio.Queue[News | None] = asyncio.Queue()

    async def news(self) -> AsyncIterator[News]:
        while (item := await self.queue.get()) is not None:
            yield item

    def alive(self) -> bool:
        return self.living

    async def ended(self) -> bool:
        return not self.alive()

    def read_exit_record(self) -> ExitRecord | None:
        try:
            return decode(ExitRecord, Path(self.state, EXIT_RECORD).read_bytes())
        except FileNotFoundError:
            return None

    def write(self, code: int | None, at: int = 2_000_000_000, *, oom: bool = False) -> None:
        """Write the exit record, as a shim does before it tells anybody."""
        Path(self.state, EXIT_RECORD).write_bytes(encode(ExitRecord(code, at, oom=oom)))

    def end(self, code: int | None = 0) -> None:
        """The process ends: record, news, and the shim goes."""
        self.write(code)
        self.queue.put_nowait(News("exit"))
        self.die()

    async def kill(self) -> None:
        """As `ShimLink.kill`."""
        self.die()

    def die(self) -> None:
        """The shim goes."""
        self.living = False
        self.queue.put_nowait(None)

    def close(self) -> None:
        self.queue.put_nowait(None)


class Runtime:
    """A runtime that does what the test says. `fail` maps a verb to what it raises."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.fail: dict[str, Exception] = {}
        self.link: Link | None = None
        self.handed: Handed | None = None
        self.answer = "running"
        self.deadly = {9, 15}
        """Signals that end the process."""

    def _called(self, verb: str, detail: Any = None) -> None:
        self.calls.append((verb, detail))
        if verb in self.fail:
            raise self.fail[verb]

    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.calls]

    async def create(self, container: Container, spec: Any, process: ProcessSpec, handed: Handed) -> Started:
        self.handed = handed
        self._called("create", (spec, process))
        self.link = Link(container.run_directory)
        return Started(PID, self.link)  # type: ignore[arg-type]  # stands in for a ShimLink

    async def start(self, container: Container) -> None:
        self._called("start")

    async def kill(self, container: Container, signal: int, *, everyone: bool = False) -> None:
        self._called("kill", int(signal))
        if signal in self.deadly and self.link is not None:
            self.link.end(128 + signal)

    async def clean_resource(self, container: Container) -> None:
        self._called("clean")

    async def pause(self, container: Container) -> None:
        self._called("pause")

    async def resume(self, container: Container) -> None:
        self._called("resume")

    async def status(self, container: Container) -> str:
        self._called("status")
        return self.answer


class Runtimes:
    """All containers have the one runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.stray: list[tuple[str, str]] = []
        self.kept = False

    def of(self, container: Container) -> Runtime:
        return self.runtime

    def resolve(self, name: str) -> str:
        return name or "runc"

    def keeps(self, container: Container) -> bool:
        return self.kept

    def strays(self, known: Any) -> list[tuple[str, str]]:
        return [item for item in self.stray if item[1] not in known]

    async def delete_stray(self, runtime: str, container_id: str) -> None:
        self.runtime.calls.append(("delete", container_id))


class Prober:
    """Probes whose results the test decides: it puts them into `results`."""

    def __init__(self) -> None:
        self.results: asyncio.Queue[ProbeResult] = asyncio.Queue()
        self.asked: asyncio.Queue[str] = asyncio.Queue()

    async def probe(self, entry: Entry, plan: Plan) -> ProbeResult:
        self.asked.put_nowait(entry.container.id)
        return await self.results.get()


class Overlay:
    """Root file systems that are plain folders."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mounted: set[str] = set()
        self.fail: Exception | None = None

    def create_container_layer(self, container_id: str, image_id: str) -> None:
        (self.root / container_id / "etc").mkdir(parents=True)

    def has(self, container_id: str) -> bool:
        return (self.root / container_id).exists()

    def containers(self) -> list[str]:
        return os.listdir(self.root)

    def is_mounted(self, container_id: str) -> bool:
        return container_id in self.mounted

    async def mount(self, container_id: str, *, volatile: bool = False) -> str:
        self.mounted.add(container_id)
        return str(self.root / container_id)

    async def unmount(self, container_id: str) -> None:
        self.mounted.discard(container_id)

    async def remove(self, container_id: str) -> None:
        if self.fail is not None:
            raise self.fail
        await self.unmount(container_id)
        folder = self.root / container_id
        if folder.exists():
            folder.rename(self.root.parent / f"gone-{container_id}")


class Images:
    """One image, `busybox`."""

    def __init__(self, root: Path) -> None:
        root.mkdir()
        self.overlay = Overlay(root)
        self.image: Image = sample.image()

    def resolve(self, name: str) -> Image:
        if name != "busybox":
            raise NotFound(f"No such image: {name}:latest")
        return self.image


class Room:
    """Everything wired as `Containers` does it."""

    def __init__(self, tmp_path: Path) -> None:
        self.config = EngineConfig(graph=str(tmp_path / "g"), state=str(tmp_path / "s"))
        self.runtime = Runtime()
        self.runtimes: Any = Runtimes(self.runtime)
        tmp_path.mkdir(exist_ok=True)
        self.images: Any = Images(tmp_path / "layers")
        self.networks: Any = Networks()
        self.build()

    def build(self) -> None:
        """A daemon's life begins."""
        self.events = Events()
        self.tasks, self.chores = TaskGroup("tasks"), TaskGroup("chores")
        self.registry = Registry()
        self.records = Records(self.config)
        self.records.open()
        self.announcer = Announcer(self.events)
        self.held = HeldClients(Keeper())  # type: ignore[arg-type]  # stands for the keeper
        self.collector = Collector(self.chores, first_pause=0.005)
        self.prober = Prober()
        self.monitors = Monitors(self.records, self.announcer, self.prober, self.tasks)  # type: ignore[arg-type]
        self.sandboxes = Sandboxes(self.config, self.registry, self.networks, self.collector, self.chores)
        self.volumes = Volumes(self.config.graph, self.events)
        self.volume_mounts = VolumeMounts(self.config, self.registry, self.volumes, self.images)
        self.names, self.spaces = Names(), Spaces()
        below: Any = self.sandboxes
        below.discovery.names, below._namespaces = self.names, self.spaces
        self.remover = Remover(
            self.registry,
            self.records,
            self.images,
            self.announcer,
            self.held,
            self.volume_mounts,
            self.collector,
            self.chores,
        )
        self.exits = Exits(
            self.records,
            self.images,
            self.runtimes,
            self.announcer,
            self.collector,
            self.tasks,
            self.chores,
            self.remover.after_exit,
            lambda entry: self.revivals.schedule(entry),
            self.held,
            self.sandboxes,
            self.monitors,
            self.volume_mounts,
        )
        self.creator = Creator(
            self.config,
            sample.HOST,
            self.registry,
            self.records,
            self.images,
            self.runtimes,
            self.announcer,
            self.networks,
            self.volume_mounts,
        )
        self.starter = Starter(
            self.config,
            sample.HOST,
            self.registry,
            self.records,
            self.images,
            self.runtimes,
            self.announcer,
            self.exits,
            self.remover,
            self.held,
            self.sandboxes,
            self.volume_mounts,
            self.tasks,
            self.monitors,
        )
        self.revivals = Revivals(self.registry, self.starter, self.tasks, self.chores)
        self.restorer = Restorer(
            self.config,
            self.registry,
            self.records,
            self.images,
            self.runtimes,
            self.exits,
            self.remover,
            self.collector,
            self.chores,
            self.revivals.schedule,
            self.sandboxes,
            self.monitors,
            self.volume_mounts,
        )
        self.watcher: Subscription = self.events.subscribe()

    def add(self, **changes: Any) -> Entry:
        """A created container, on disk and in the registry."""
        made = sample.container(
            directory=self.records.directory("runc", sample.ID),
            run_directory=self.records.run_directory("runc", sample.ID),
        )
        made = replace(made, **changes)
        self.records.create(made)
        self.images.overlay.create_container_layer(made.id, made.image)
        self.registry.reserve_name(made.name, made.id)
        entry = Entry(made)
        entry.exited.set()
        self.registry.add(entry)
        return entry

    async def running(self, **changes: Any) -> tuple[Entry, Link]:
        """A container that runs."""
        entry = self.add(**changes)
        await self.starter.start(entry)
        assert self.runtime.link is not None
        return entry, self.runtime.link

    def set_state(self, entry: Entry, status: Status, **changes: Any) -> None:
        """Put an entry into a state, and on disk too."""
        entry.container = replace(entry.container, state=State(status, **changes))
        self.records.save_state(entry.container)

    def actions(self) -> list[str]:
        """The container events so far."""
        return [event.action for event in self.watcher._queue]

    async def settle(self) -> None:
        """Until everything that ends by itself has ended."""
        assert await self.chores.drain(5)

    async def close(self) -> None:
        """A daemon's life ends."""
        self.monitors.close()
        await self.tasks.close()
        await self.chores.close()
        await self.volumes.close()
        self.sandboxes.close()
        self.held.close(())
