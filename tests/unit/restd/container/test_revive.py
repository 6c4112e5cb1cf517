import asyncio
import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from restd.container import revive
from restd.container.exited import cleaned
from restd.container.held import wait_body
from restd.container.registry import Entry
from restd.container.stop import stop
from restd.errors import Unavailable
from restd.model.container import HostConfig, RestartPolicy, State, Status
from restd.runtime.base import RuntimeFailure
from shim.protocol import Wait
from tests.unit.restd.container import sample
from tests.unit.restd.container.clients import until
from tests.unit.restd.container.room import Link, Room


def policy(name: str = "always", limit: int = 0) -> HostConfig:
    return HostConfig(
        network_mode="none", ipc_mode="private", runtime="runc", restart_policy=RestartPolicy(name, limit)
    )


def state_of(entry: Entry) -> tuple[Status, int, int]:
    container = entry.container
    return container.state.status, container.state.exit_code, container.restart_count


def end(room: Room, code: int = 3) -> None:
    """The present run ends now."""
    assert room.runtime.link is not None
    room.runtime.link.write(code, time.time_ns())
    room.runtime.link.living = False


def slow(entry: Entry) -> None:
    """Make the next pause a long one."""
    entry.container = replace(entry.container, restart_pause=20_000_000_000)


def test_a_run_that_ends_is_followed_by_another(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        room.revivals.open()
        entry, first = await room.running(host_config=policy())
        end(room)
        room.exits.notice(entry)
        assert state_of(entry) == (Status.RESTARTING, 3, 1) and entry.container.restart_pause == 100_000_000
        room.exits.notice(entry)  # the same record again
        await until(lambda: entry.container.state.status is Status.RUNNING)
        assert room.runtime.link is not first and state_of(entry) == (Status.RUNNING, 0, 1)
        assert room.actions() == ["start", "die", "start"]
        await room.close()

    asyncio.run(attempt())


def test_tries_are_counted_and_begin_anew_with_a_start_by_hand(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        room.revivals.open()
        entry, _ = await room.running(host_config=policy("on-failure", 1))
        for _ in range(2):
            end(room)
            room.exits.notice(entry)
            await until(lambda: entry.container.state.status is not Status.RESTARTING)
        assert state_of(entry) == (Status.EXITED, 3, 1)
        await room.starter.start(entry)
        assert state_of(entry) == (Status.RUNNING, 0, 0) and entry.container.restart_pause == 0
        await room.close()

    asyncio.run(attempt())


def test_a_stop_during_the_pause_calls_the_restart_off(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        room.revivals.open()
        entry, _ = await room.running(host_config=policy())
        slow(entry)
        end(room)
        room.exits.notice(entry)
        revival = entry.revival
        assert revival is not None and entry.container.state.running
        await stop(entry, None, "", room.runtimes, room.exits, room.announcer)
        assert state_of(entry) == (Status.EXITED, 3, 1) and entry.container.manually_stopped
        await asyncio.wait([revival], timeout=5)
        assert revival.cancelled() and "kill" not in room.runtime.verbs()
        await room.settle()
        assert room.records.load(next(room.records.found())) == replace(entry.container, boot_id=room.records.boot_id)
        await room.close()

    asyncio.run(attempt())


def test_a_stop_that_meets_the_end_of_the_pause_stops_the_new_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        room.revivals.open()
        entry, _ = await room.running(host_config=policy())
        go, create = asyncio.Event(), room.runtime.create

        async def held_up(*arguments: Any) -> Any:
            await go.wait()
            return await create(*arguments)

        monkeypatch.setattr(room.runtime, "create", held_up)
        end(room)
        room.exits.notice(entry)
        await until(entry.lock.locked)
        stopping = asyncio.ensure_future(stop(entry, None, "", room.runtimes, room.exits, room.announcer))
        await asyncio.sleep(0)
        go.set()
        await asyncio.wait_for(stopping, 5)
        assert entry.container.state.status is Status.EXITED and ("kill", 15) in room.runtime.calls
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_a_start_that_fails_ends_the_restarts_and_the_waits(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        room.revivals.open()
        entry, _ = await room.running(host_config=policy())
        room.runtime.fail["create"] = RuntimeFailure("no such file or directory")
        end(room, 5)
        room.exits.notice(entry)
        (ours, theirs), (other, others) = socket.socketpair(), socket.socketpair()
        await room.held.hold(entry, theirs.detach(), Wait())
        await room.held.hold(entry, others.detach(), Wait(removed=True))
        await until(lambda: entry.container.state.status is Status.EXITED)
        with ours, other:
            ours.setblocking(False)
            assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(ours, 100), 5) == wait_body(5)
            assert [held.request for held in entry.held] == [Wait(removed=True)]
            room.held.close([entry])
        assert state_of(entry) == (Status.EXITED, 5, 1)
        assert "no such file" in entry.container.state.error
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_what_is_still_being_cleaned_is_restarted_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def attempt() -> None:
        monkeypatch.setattr(revive, "LATER_SECONDS", 0.01)
        room = Room(tmp_path)
        room.revivals.open()
        entry, _ = await room.running(host_config=policy())
        tries = 0

        async def busy_at_first(entry: Entry) -> None:
            nonlocal tries
            tries += 1
            if tries < 3:
                raise Unavailable("busy")

        monkeypatch.setattr(room.starter, "again", busy_at_first)
        end(room)
        room.exits.notice(entry)
        await until(lambda: tries == 3)
        await room.close()

    asyncio.run(attempt())


def test_nothing_starts_before_all_containers_are_known(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, _ = await room.running(host_config=policy())
        end(room)
        room.exits.notice(entry)
        await cleaned(entry)
        await asyncio.sleep(0.15)
        assert state_of(entry) == (Status.RESTARTING, 3, 1)
        room.revivals.open()
        await until(lambda: entry.container.state.status is Status.RUNNING)
        await room.close()

    asyncio.run(attempt())


def test_what_ran_once_and_is_always_to_run_starts_with_the_daemon(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add(host_config=policy("always"), manually_stopped=True)
        entry.container = replace(entry.container, state=State(Status.EXITED, started_at=1, finished_at=2))
        room.revivals.open()
        await until(lambda: entry.container.state.status is Status.RUNNING)
        assert not entry.container.manually_stopped
        await room.close()

    asyncio.run(attempt())


def test_one_that_joins_anothers_namespace_waits_for_it(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        ended = State(Status.EXITED, started_at=1, finished_at=2)
        joining = replace(policy(), ipc_mode=f"container:{'d' * 64}")
        donor = Entry(sample.container(id="d" * 64, host_config=policy(), state=ended, created=2))
        joiner = Entry(sample.container(id="e" * 64, host_config=joining, state=ended, created=1))
        order: list[str] = []

        async def start(entry: Entry) -> None:
            await asyncio.sleep(0)
            order.append(entry.container.id[0])

        room.starter.start = start  # type: ignore[method-assign]  # only the order matters
        for entry in (joiner, donor):
            room.registry.add(entry)
        room.revivals.open()
        await until(lambda: len(order) == 2)
        assert order == ["d", "e"]
        await room.close()

    asyncio.run(attempt())


def test_a_daemon_that_goes_leaves_the_restart_to_the_next(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        room.revivals.open()
        entry, _ = await room.running(host_config=policy())
        slow(entry)
        end(room)
        room.exits.notice(entry)
        await room.settle()
        await room.close()
        room.build()
        await room.restorer.restore()
        again = room.registry.find("box")
        assert state_of(again) == (Status.RESTARTING, 3, 1) and again.container.restart_pause == 40_000_000_000
        # The pause has passed meanwhile.
        again.container = replace(again.container, state=replace(again.container.state, finished_at=1))
        room.revivals.schedule(again)
        room.revivals.open()
        await until(lambda: again.container.state.status is Status.RUNNING)
        assert again.container.restart_count == 1
        await room.close()

    asyncio.run(attempt())


def test_a_restart_whose_run_nobody_noted_is_found_by_its_record(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, _ = await room.running(host_config=policy("on-failure", 1))
        room.set_state(entry, Status.RESTARTING, started_at=1, finished_at=2, exit_code=1)
        entry.container = replace(entry.container, restart_count=1, restart_pause=100_000_000)
        room.records.save_state(entry.container)
        Link(entry.container.run_directory).write(9, at=50)
        await room.close()
        room.build()
        await room.restorer.restore()
        assert state_of(room.registry.find("box")) == (Status.EXITED, 9, 1)
        await room.settle()
        await room.close()

    asyncio.run(attempt())
