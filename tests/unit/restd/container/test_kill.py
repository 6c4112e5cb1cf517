import asyncio
from pathlib import Path

import pytest

from restd.container import first_process
from restd.container.kill import kill
from restd.container.pause import pause
from restd.errors import Conflict, InvalidParameter, SystemFailure
from restd.model.container import Config, Status
from restd.runtime.base import RuntimeFailure
from tests.unit.restd.container.room import PID, Room


def test_kill_without_a_signal_ends_the_container_before_it_answers(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, _ = await room.running()
        await kill(entry, "box", "", room.runtimes, room.exits, room.announcer)
        assert entry.container.state.exit_code == 137
        assert room.actions() == ["start", "kill", "die"]
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_another_signal_is_only_sent(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, _ = await room.running()
        await kill(entry, "box", "SIGUSR1", room.runtimes, room.exits, room.announcer)
        assert room.runtime.calls[-1] == ("kill", 10)
        assert entry.container.state.running and not entry.container.manually_stopped
        assert room.watcher._queue[-1].attributes["signal"] == "10"
        await room.close()

    asyncio.run(attempt())


def test_the_stop_signal_counts_as_a_stop_by_hand(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, _ = await room.running(config=Config(image="busybox", cmd=("x",), stop_signal="USR2"))
        await kill(entry, "box", "12", room.runtimes, room.exits, room.announcer)
        assert entry.container.manually_stopped
        await room.close()

    asyncio.run(attempt())


def test_a_paused_container_is_thawed_to_die(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, _ = await room.running()
        await pause(entry, room.runtimes, room.records, room.announcer)
        await kill(entry, "box", "KILL", room.runtimes, room.exits, room.announcer)
        assert room.runtime.verbs()[-2:] == ["kill", "resume"] or "resume" in room.runtime.verbs()
        assert entry.container.state.status is Status.EXITED
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_a_pause_that_comes_between_the_signal_and_the_end_is_undone(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, _ = await room.running()
        room.runtime.deadly = set()
        killing = asyncio.ensure_future(kill(entry, "box", "", room.runtimes, room.exits, room.announcer))
        while ("kill", 9) not in room.runtime.calls:
            await asyncio.sleep(0)
        await pause(entry, room.runtimes, room.records, room.announcer)
        room.runtime.deadly = {9}
        await asyncio.wait_for(killing, 5)
        assert entry.container.state.exit_code == 137 and "resume" in room.runtime.verbs()
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_a_container_that_somebody_else_thawed_dies_all_the_same(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, _ = await room.running()
        await pause(entry, room.runtimes, room.records, room.announcer)
        room.runtime.fail["resume"] = RuntimeFailure("container not paused")
        await kill(entry, "box", "", room.runtimes, room.exits, room.announcer)
        assert entry.container.state.exit_code == 137
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_bad_signals_and_stopped_containers_are_refused(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add()
        with pytest.raises(InvalidParameter, match="invalid signal: NOPE"):
            await kill(entry, "box", "NOPE", room.runtimes, room.exits, room.announcer)
        with pytest.raises(Conflict, match="cannot kill container: box: container .* is not running"):
            await kill(entry, "box", "", room.runtimes, room.exits, room.announcer)

    asyncio.run(attempt())


def test_a_process_that_ended_just_before_is_a_conflict_not_a_failure(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, link = await room.running()
        link.write(0)
        room.runtime.fail["kill"] = RuntimeFailure("container not running", "gone")
        with pytest.raises(Conflict, match="is not running"):
            await kill(entry, "box", "USR1", room.runtimes, room.exits, room.announcer)
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_a_runtime_that_fails_is_told(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, _ = await room.running()
        room.runtime.fail["kill"] = RuntimeFailure("something broke")
        with pytest.raises(SystemFailure, match="something broke"):
            await kill(entry, "box", "USR1", room.runtimes, room.exits, room.announcer)
        await room.close()

    asyncio.run(attempt())


def test_a_runtime_that_can_not_kill_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, link = await room.running()
        room.runtime.fail["kill"] = RuntimeFailure("did not end within 30 s", "timeout")

        def ended(pid: int, container_id: str) -> bool:
            assert (pid, container_id) == (PID, entry.container.id)
            link.end(137)
            return True

        monkeypatch.setattr(first_process, "kill", ended)
        await kill(entry, "box", "", room.runtimes, room.exits, room.announcer)
        assert entry.container.state.exit_code == 137
        await room.settle()
        await room.close()

    asyncio.run(attempt())
