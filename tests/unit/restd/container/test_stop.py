import asyncio
from pathlib import Path

import pytest

from restd.container import first_process
from restd.container.stop import stop
from restd.errors import InvalidParameter, NotModified, SystemFailure
from restd.model.container import Config
from restd.runtime.base import RuntimeFailure
from tests.unit.restd.container.room import Room


def test_the_stop_signal_is_enough_for_a_process_that_heeds_it(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, _ = await room.running()
        await stop(entry, None, "", room.runtimes, room.exits, room.announcer)
        assert [detail for verb, detail in room.runtime.calls if verb == "kill"] == [15]
        assert room.actions() == ["start", "kill", "die", "stop"]
        assert entry.container.manually_stopped
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_kill_follows_when_the_time_is_up(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        config = Config(image="busybox", cmd=("x",), stop_signal="SIGINT", stop_timeout=0)
        entry, _ = await room.running(config=config)
        await stop(entry, None, "", room.runtimes, room.exits, room.announcer)
        assert [detail for verb, detail in room.runtime.calls if verb == "kill"] == [2, 9]
        assert entry.container.state.exit_code == 137
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_a_negative_time_waits_for_the_process(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, link = await room.running()
        room.runtime.deadly = set()
        stopping = asyncio.ensure_future(stop(entry, -1, "USR1", room.runtimes, room.exits, room.announcer))
        while ("kill", 10) not in room.runtime.calls:
            await asyncio.sleep(0)
        assert not stopping.done()
        link.end(5)
        await asyncio.wait_for(stopping, 5)
        assert entry.container.state.exit_code == 5
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_a_stopped_container_is_not_modified_and_a_bad_signal_refused(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add()
        with pytest.raises(NotModified):
            await stop(entry, None, "", room.runtimes, room.exits, room.announcer)
        with pytest.raises(InvalidParameter):
            await stop(entry, None, "NOPE", room.runtimes, room.exits, room.announcer)

    asyncio.run(attempt())


def test_a_process_that_ended_by_itself_meanwhile_is_stopped(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, link = await room.running()
        room.runtime.fail["kill"] = RuntimeFailure("no such process", "gone")
        stopping = asyncio.ensure_future(stop(entry, 10, "", room.runtimes, room.exits, room.announcer))
        await asyncio.sleep(0)
        link.end(0)
        await asyncio.wait_for(stopping, 5)
        assert entry.container.state.exit_code == 0
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_a_stop_signal_that_can_not_be_sent_is_a_kill_unless_that_was_forbidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, link = await room.running()
        room.runtime.fail["kill"] = RuntimeFailure("did not end within 30 s", "timeout")

        def ended(pid: int, container_id: str) -> bool:
            link.end(137)
            return True

        monkeypatch.setattr(first_process, "kill", ended)
        with pytest.raises(SystemFailure, match="did not end within 30 s"):
            await stop(entry, -1, "", room.runtimes, room.exits, room.announcer)
        assert entry.container.state.running
        await stop(entry, 0, "", room.runtimes, room.exits, room.announcer)
        assert entry.container.state.exit_code == 137
        await room.settle()
        await room.close()

    asyncio.run(attempt())
