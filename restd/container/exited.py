"""What follows the end of a container's first process, however it comes to light.

The shim writes the exit record, then tells through its FIFO. Clients may hear of the end from the shim before that
line is read here, so every lookup asks `notice`, which looks for the record. Applying it is one step without a wait:
state, event, everybody who waits. Giving back mounts, cgroups and the runtime's own state comes after, in the
background (`entry.cleaning`), and delays nobody but the next start and the removal.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from restd.container import first_process, restart_policy, shared_memory, state
from restd.container.announce import Announcer
from restd.container.gc import Collector
from restd.container.held import HeldClients
from restd.container.monitor import Monitors
from restd.container.records import Records
from restd.container.registry import Entry
from restd.container.sandboxes import Sandboxes
from restd.container.volume_mounts import VolumeMounts
from restd.errors import Unavailable
from restd.image.store import ImageStore
from restd.lib.tasks import TaskGroup
from restd.lib.times import now_ns
from restd.model.container import Container, Status
from restd.model.sandbox import Sandbox
from restd.runtime.dispatch import Runtimes
from restd.runtime.nursery import ShimLink
from shim.protocol import EXIT_RECORD, ExitRecord

log = logging.getLogger(__name__)

CLEANING_SECONDS = 60.0
GIVE_BACK_SECONDS = 5.0
"""How long a start that has failed waits until what it took is given back; that then goes on in the background."""


class Exits:
    """Watches shims and applies what they tell.

    `remove` takes an ended AutoRemove container away, `revive` starts one again whose restart policy wants that.

    `tasks` listen as long as the daemon lives; `chores` end by themselves, and the daemon's end waits for them a while.
    """

    def __init__(
        self,
        records: Records,
        images: ImageStore,
        runtimes: Runtimes,
        announcer: Announcer,
        collector: Collector,
        tasks: TaskGroup,
        chores: TaskGroup,
        remove: Callable[[Entry], Awaitable[None]],
        revive: Callable[[Entry], None],
        held: HeldClients,
        sandboxes: Sandboxes,
        monitors: Monitors,
        volumes: VolumeMounts,
    ) -> None:
        self._records = records
        self._images = images
        self._runtimes = runtimes
        self._announce = announcer
        self._collector = collector
        self._tasks = tasks
        self._chores = chores
        self._remove = remove
        self._revive = revive
        self._held = held
        self._sandboxes = sandboxes
        self._monitors = monitors
        self._volumes = volumes

    def watch(self, entry: Entry, link: ShimLink) -> None:
        """Listen to a container's shim until one of them is gone."""
        self._tasks.start(self._follow(entry, link), f"news of {entry.container.id[:12]}")

    async def _follow(self, entry: Entry, link: ShimLink) -> None:
        async for news in link.news():
            match news.what:
                case "exit":
                    self.notice(entry)
                case "oom":
                    self._announce(entry.container, "oom")
                case "detach":
                    self._announce(entry.container, "detach")
                case "log-error":
                    log.warning("container %s: its log: %s", entry.container.id[:12], news.message)
        if entry.link is link:
            self.notice(entry)
            if entry.container.state.alive and await link.ended():
                await self.lost(entry, "its shim has died")

    def notice(self, entry: Entry) -> None:
        """Look for the exit record of a container believed to run, and apply it. One access(2) if there is none."""
        container = entry.container
        if not container.state.alive or entry.link is None:
            return
        if os.access(f"{container.run_directory}/{EXIT_RECORD}", os.F_OK):
            record = entry.link.read_exit_record()
            if record is not None:
                self.apply(entry, record)

    async def lost(self, entry: Entry, reason: str) -> None:
        """Nobody owns the process any more: end it, and record an end that nobody saw.

        The runtime is not asked, for it may be what is broken; the cleaning that follows lets it kill what is left.
        """
        container = entry.container
        pid = container.state.pid
        if first_process.lives(pid, container.id):
            log.error("container %s: %s; killing it", container.id[:12], reason)
            if not await first_process.end(pid, container.id):
                log.error("container %s: its process %d does not die", container.id[:12], pid)
        if entry.container.state.alive:
            self.apply(entry, ExitRecord(None, now_ns(), unknown=f"{reason}: nobody saw how the process ended"))

    def went_down(self, entry: Entry) -> None:
        """The host was rebooted under it."""
        log.warning("container %s ended with the host", entry.container.id[:12])
        record = ExitRecord(None, now_ns(), unknown="the host went down: nobody saw how the process ended")
        self.apply(entry, record, rebooted=True)

    def apply(self, entry: Entry, record: ExitRecord, *, rebooted: bool = False) -> None:
        """The process has ended as `record` says; the restart policy has its say."""
        before = entry.container
        moved = state.exited(before.state, record.exit_code, record.at, oom=record.oom, unknown=record.unknown)
        by_user = restart_policy.users_doing(before, record.at)
        after = replace(before, state=moved, sandbox=Sandbox(), manually_stopped=by_user)
        pause = restart_policy.pause_before_restart(after, rebooted=rebooted)
        if pause is not None:
            count = before.restart_count + 1
            after = replace(after, state=state.restarting(moved), restart_count=count, restart_pause=pause)
        entry.container = after
        self._monitors.end(entry)
        self._announce(
            entry.container,
            "die",
            exitCode=str(moved.exit_code),
            execDuration=str(max(0, record.at - before.state.started_at) // 1_000_000_000),
        )
        entry.cleaning = self._chores.start(self._clean(entry, before), f"clean {before.id[:12]}")
        entry.exited.set()
        if pause is not None:
            self._revive(entry)

    async def call_off(self, entry: Entry) -> bool:
        """End the pause before a restart: it won't come. False if there is none, or the start was quicker."""
        if entry.container.state.status is not Status.RESTARTING:
            return False
        async with entry.lock:
            container = entry.container
            if container.state.status is not Status.RESTARTING:
                return False
            entry.container = replace(container, state=state.called_off(container.state), manually_stopped=True)
            if entry.revival is not None:
                entry.revival.cancel()
            self._held.release_waits(entry, container.state.exit_code)
        await self._save(entry)
        return True

    def signalled(self, entry: Entry, *, ending: bool) -> None:
        """A user's signal is about to be sent; `ending`: it is meant to end the process.

        Other signals count too, for a while, unless the container says which one stops it. Written down where it
        matters: nobody may be there to see the end.
        """
        if ending:
            entry.container = replace(entry.container, manually_stopped=True)
        elif not entry.container.config.stop_signal:
            entry.container = replace(entry.container, signalled_at=now_ns())
        if not restart_policy.is_none(entry.container.host_config.restart_policy):
            self._records.save_state(entry.container)

    async def _save(self, entry: Entry) -> None:
        """Write down, durably, what has become of it by now."""
        async with entry.saving:
            await asyncio.to_thread(self._records.save_state, entry.container, durable=True)

    async def _clean(self, entry: Entry, before: Container) -> None:
        """Give back what a run took, and write down how it ended. `before`: the container as it ran."""
        container = entry.container
        network = self._sandboxes.release(before) if before.sandbox.id else None
        entry.unmounting = self._chores.start(self.unmount(container), f"unmount {container.id[:12]}")
        if container.host_config.auto_remove and not entry.restarting:
            job = partial(self._remove, entry)
            await self._collector.attempt(f"the removal of container {container.id}", job, container.id)
        else:
            await self._save(entry)
        await self.clean_runtime(container)
        await asyncio.wait([entry.unmounting, *([network] if network is not None else [])])

    async def give_back(self, entry: Entry) -> None:
        """What a start took that came to nothing; returns when it is done, or after GIVE_BACK_SECONDS."""
        task = self.clean(entry)
        await asyncio.wait([task], timeout=GIVE_BACK_SECONDS)

    def clean(self, entry: Entry) -> asyncio.Task[None]:
        """Give back, in the background, all that a container which doesn't run may still have."""
        container = entry.container
        parts = [self._chores.start(self.unmount(container), f"unmount {container.id[:12]}")]
        entry.unmounting = parts[0]
        if container.sandbox.id:
            parts.append(self._sandboxes.release(container))

        async def rest() -> None:
            await self.clean_runtime(container)
            await asyncio.wait(parts)

        entry.cleaning = task = self._chores.start(rest(), f"clean {container.id[:12]}")
        return task

    async def clean_runtime(self, container: Container) -> None:
        """The runtime's own state and cgroups; goes on in the background if it can't be done now."""

        async def job() -> None:
            await self._runtimes.of(container).clean_resource(container)

        await self._collector.attempt(f"the runtime's state of container {container.id}", job, container.id)

    async def unmount(self, container: Container) -> None:
        """The root file system, shared memory, volumes; goes on in the background if it can't be done now."""

        async def job() -> None:
            await self._images.overlay.unmount(container.id)
            shared_memory.unmount(container)
            await self._volumes.release(container)

        await self._collector.attempt(f"mounts of container {container.id}", job, container.id)


async def cleaned(entry: Entry) -> None:
    """Wait until the last run's leftovers are gone. Unavailable if that takes too long.

    Never with `entry.lock` held: the end of an AutoRemove container is its removal, which takes the lock.
    """
    task = entry.cleaning
    if task is None:
        return
    done, _ = await asyncio.wait([task], timeout=CLEANING_SECONDS)
    if not done:
        raise Unavailable(f"container {entry.container.id} is still being cleaned up after its last run")
    if entry.cleaning is task:
        entry.cleaning = None
