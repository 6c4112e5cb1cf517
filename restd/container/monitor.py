"""Health monitors: for each running container with a probe a timer, and a task only while the probe runs.

A monitor begins with the container's run and ends with it; over a restart of the daemon it goes on where it was. What
the probes found is part of the container's state, and is written to the run-time folder after each.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from restd.container import health
from restd.container.announce import Announcer
from restd.container.health import SECOND, Plan
from restd.container.records import Records
from restd.container.registry import Entry
from restd.lib.tasks import TaskGroup
from restd.lib.times import now_ns
from restd.model.container import Status
from restd.model.health import Health

if TYPE_CHECKING:
    from restd.container.probe import Prober  # which asks `exited`, which tells the monitors

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Monitor:
    """One run of one container. `held`: it is paused, or being stopped. `void`: the probe under way doesn't count."""

    entry: Entry
    plan: Plan
    timer: asyncio.TimerHandle | None = None
    task: asyncio.Task[None] | None = None
    held: bool = False
    void: bool = False


class Monitors:
    """The monitors of all containers."""

    def __init__(self, records: Records, announcer: Announcer, prober: Prober, tasks: TaskGroup) -> None:
        self._records = records
        self._announce = announcer
        self._prober = prober
        self._tasks = tasks
        self._monitors: dict[str, _Monitor] = {}

    def begin(self, entry: Entry) -> None:
        """The container has been started."""
        plan = health.plan(entry.container.config)
        if plan is None:
            return
        _set(entry, health.begun(entry.container.state.health))
        self._add(_Monitor(entry, plan), now_ns())

    def resume(self, entry: Entry) -> None:
        """The container was running already when this daemon began."""
        plan = health.plan(entry.container.config)
        if plan is None:
            return
        state, now = entry.container.state, now_ns()
        found = state.health or health.begun(None)
        _set(entry, found)
        share = int(entry.container.id[:4], 16) / 0x10000
        monitor = _Monitor(entry, plan, held=state.status is Status.PAUSED)
        self._add(monitor, now, health.pause_after_restart(plan, found, state.started_at, now, share))

    def end(self, entry: Entry) -> None:
        """The container has ended."""
        monitor = self._monitors.pop(entry.container.id, None)
        if monitor is not None:
            self._stop(monitor)
        found = entry.container.state.health
        if found is not None:
            _set(entry, health.ended(found))

    def hold(self, entry: Entry) -> None:
        """Probe no more for now: it is paused, or on its way to its end. A probe under way doesn't count."""
        monitor = self._monitors.get(entry.container.id)
        if monitor is not None:
            monitor.held = True
            monitor.void = monitor.task is not None
            if monitor.timer is not None:
                monitor.timer.cancel()

    def release(self, entry: Entry) -> None:
        """Go on after `hold` if the container runs, with a whole interval."""
        monitor = self._monitors.get(entry.container.id)
        if monitor is not None and monitor.held and entry.container.state.status is Status.RUNNING:
            monitor.held = False
            self._schedule(monitor, now_ns())

    @contextlib.contextmanager
    def held(self, entry: Entry) -> Iterator[None]:
        """While it is being stopped or paused; what runs on after all is probed again."""
        self.hold(entry)
        try:
            yield
        finally:
            self.release(entry)

    def close(self) -> None:
        """Stop all timers; probes under way belong to the task group."""
        for monitor in self._monitors.values():
            if monitor.timer is not None:
                monitor.timer.cancel()
        self._monitors.clear()

    def __len__(self) -> int:
        return len(self._monitors)

    def _add(self, monitor: _Monitor, now: int, pause: int | None = None) -> None:
        earlier = self._monitors.get(monitor.entry.container.id)
        if earlier is not None:
            self._stop(earlier)
        self._monitors[monitor.entry.container.id] = monitor
        self._schedule(monitor, now, pause)

    @staticmethod
    def _stop(monitor: _Monitor) -> None:
        monitor.void = True
        if monitor.timer is not None:
            monitor.timer.cancel()

    def _schedule(self, monitor: _Monitor, now: int, pause: int | None = None) -> None:
        """Set the timer, unless a probe is under way: its end sets it."""
        if monitor.held or monitor.task is not None:
            return
        state = monitor.entry.container.state
        assert state.health is not None
        if pause is None:
            pause = health.pause(monitor.plan, state.health, state.started_at, now)
        monitor.timer = asyncio.get_running_loop().call_later(pause / SECOND, self._due, monitor)

    def _due(self, monitor: _Monitor) -> None:
        monitor.timer = None
        monitor.void = False
        monitor.task = self._tasks.start(self._probe(monitor), f"health of {monitor.entry.container.id[:12]}")

    async def _probe(self, monitor: _Monitor) -> None:
        """Probe once, and set the timer anew."""
        entry = monitor.entry
        result = await self._prober.probe(entry, monitor.plan)
        monitor.task = None
        if self._monitors.get(entry.container.id) is not monitor:
            return
        state = entry.container.state
        counts = not monitor.void and (result.exit_code == 0 or os.path.exists(f"/proc/{state.pid}"))
        if counts and state.status is Status.RUNNING and state.health is not None:
            found = health.probed(monitor.plan, state.health, result, state.started_at)
            _set(entry, found)
            if found.status is not state.health.status:
                self._announce(entry.container, f"health_status: {found.status}")
            try:
                self._records.save_health(entry.container)
            except OSError as error:
                log.warning("container %s: its health can't be written: %s", entry.container.id[:12], error)
        self._schedule(monitor, now_ns())


def _set(entry: Entry, found: Health) -> None:
    if found != entry.container.state.health:
        entry.container = replace(entry.container, state=replace(entry.container.state, health=found))
