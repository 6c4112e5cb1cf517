import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from restd.container.pause import pause, unpause
from restd.container.registry import Entry
from restd.lib.times import now_ns
from restd.model.container import Config, Status
from restd.model.health import Health, Healthcheck, HealthStatus, ProbeResult
from tests.unit.restd.container.room import Room

MS = 1_000_000
CONFIG = Config(image="busybox", cmd=("sleep", "10"), healthcheck=Healthcheck(("CMD", "true"), MS, retries=2))


def play(folder: Path, scene: Callable[[Room, Entry], Awaitable[None]], **probe: Any) -> None:
    """A running container whose probes the scene answers."""

    async def attempt() -> None:
        room = Room(folder)
        assert CONFIG.healthcheck is not None
        config = replace(CONFIG, healthcheck=replace(CONFIG.healthcheck, **probe))
        entry, _ = await room.running(config=config)
        alive(entry)
        try:
            async with asyncio.timeout(10):
                await scene(room, entry)
        finally:
            await room.close()

    asyncio.run(attempt())


def alive(entry: Entry) -> None:
    """Give it a process that is there."""
    entry.container = replace(entry.container, state=replace(entry.container.state, pid=os.getpid()))


def found(entry: Entry) -> Health:
    assert entry.container.state.health is not None
    return entry.container.state.health


async def answer(room: Room, code: int, at: int | None = None) -> None:
    """Wait for a probe and let it end."""
    await room.prober.asked.get()
    start = now_ns() if at is None else at
    room.prober.results.put_nowait(ProbeResult(start, start, code))


async def answered(room: Room, code: int) -> None:
    """The same, and the next probe has begun: what came of this one can be seen."""
    await answer(room, code)
    room.prober.asked.put_nowait(await room.prober.asked.get())


def test_starting_healthy_unhealthy_and_the_events_of_it(tmp_path: Path) -> None:
    async def scene(room: Room, entry: Entry) -> None:
        assert found(entry) == Health()
        await answered(room, 1)
        assert (found(entry).status, found(entry).failing_streak) == ("starting", 1)
        await answered(room, 0)
        assert found(entry).status is HealthStatus.HEALTHY
        await answered(room, 0)
        await answered(room, 1)
        assert found(entry).status is HealthStatus.HEALTHY
        await answered(room, 1)
        assert (found(entry).status, found(entry).failing_streak, len(found(entry).log)) == ("unhealthy", 2, 5)
        assert room.actions() == ["start", "health_status: healthy", "health_status: unhealthy"]
        assert room.records.load(next(room.records.found())) is not None
        assert Path(entry.container.run_directory, "health.json").exists()

    play(tmp_path, scene)


def test_no_monitor_without_a_probe(tmp_path: Path) -> None:
    async def scene(room: Room, entry: Entry) -> None:
        assert entry.container.state.health is None and not len(room.monitors)

    play(tmp_path, scene, test=("NONE",))


def test_the_end_of_the_container_ends_the_monitor(tmp_path: Path) -> None:
    async def scene(room: Room, entry: Entry) -> None:
        await answered(room, 0)
        assert room.runtime.link is not None
        room.runtime.link.write(0)
        room.exits.notice(entry)
        assert (entry.container.state.status, found(entry).status) == (Status.EXITED, HealthStatus.UNHEALTHY)
        room.prober.results.put_nowait(ProbeResult(1, 1, 0))
        await room.settle()
        assert not len(room.monitors) and found(entry).status is HealthStatus.UNHEALTHY
        assert room.actions() == ["start", "health_status: healthy", "die"]
        loaded = room.records.load(next(room.records.found()))
        assert loaded is not None and loaded.state.health == found(entry)
        await room.starter.start(entry)
        alive(entry)
        assert (found(entry).status, found(entry).failing_streak, len(found(entry).log)) == ("starting", 0, 1)

    play(tmp_path, scene)


def test_a_paused_container_is_not_probed_and_a_probe_under_way_does_not_count(tmp_path: Path) -> None:
    async def scene(room: Room, entry: Entry) -> None:
        await answered(room, 0)
        before = found(entry)
        await room.prober.asked.get()
        with room.monitors.held(entry):
            await pause(entry, room.runtimes, room.records, room.announcer)
        room.prober.results.put_nowait(ProbeResult(1, 1, -1))
        await asyncio.sleep(0.02)  # longer than several intervals
        assert room.prober.asked.empty() and found(entry) == before
        await unpause(entry, room.runtimes, room.records, room.announcer)
        room.monitors.release(entry)
        await answered(room, 1)
        assert found(entry).failing_streak == 1

    play(tmp_path, scene)


def test_a_stop_that_fails_lets_probes_go_on(tmp_path: Path) -> None:
    async def scene(room: Room, entry: Entry) -> None:
        with room.monitors.held(entry):
            await asyncio.sleep(0.01)
            assert room.prober.asked.empty()
        await answered(room, 0)
        assert found(entry).status is HealthStatus.HEALTHY

    play(tmp_path, scene)


def test_a_failure_of_a_process_that_has_gone_is_no_news(tmp_path: Path) -> None:
    async def scene(room: Room, entry: Entry) -> None:
        await answered(room, 0)
        entry.container = replace(entry.container, state=replace(entry.container.state, pid=4_000_001))
        await answered(room, 1)
        assert found(entry).failing_streak == 0

    play(tmp_path, scene)


def test_a_new_daemon_goes_on_where_the_old_one_was(tmp_path: Path) -> None:
    async def scene(room: Room, entry: Entry) -> None:
        await answered(room, 0)
        before = found(entry)
        await room.prober.asked.get()
        room.monitors.close()
        room.monitors.resume(entry)
        room.prober.results.put_nowait(ProbeResult(1, 1, 1))  # of the old one
        await asyncio.sleep(0)
        assert found(entry) == before
        await answered(room, 1)
        assert (found(entry).status, found(entry).failing_streak) == ("healthy", 1)

    play(tmp_path, scene)


def test_a_new_daemon_holds_what_is_paused(tmp_path: Path) -> None:
    async def scene(room: Room, entry: Entry) -> None:
        room.monitors.close()
        entry.container = replace(entry.container, state=replace(entry.container.state, status=Status.PAUSED))
        room.monitors.resume(entry)
        await asyncio.sleep(0.01)
        assert room.prober.asked.empty()
        room.monitors.release(entry)
        assert room.prober.asked.empty(), "it is paused still"

    play(tmp_path, scene, interval=2 * MS)
