import asyncio
from pathlib import Path

import pytest

from restd.container import pause as module
from restd.container.pause import pause, unpause
from restd.container.registry import Entry
from restd.errors import Conflict, SystemFailure
from restd.runtime.base import RuntimeFailure
from tests.unit.restd.container.room import Room


def status(entry: Entry) -> str:
    return str(entry.container.state.status)


def test_pause_and_unpause_move_the_state_and_back(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, _ = await room.running()
        await pause(entry, room.runtimes, room.records, room.announcer)
        assert status(entry) == "paused" and entry.container.state.running
        with pytest.raises(Conflict, match="already paused"):
            await pause(entry, room.runtimes, room.records, room.announcer)
        await unpause(entry, room.runtimes, room.records, room.announcer)
        assert status(entry) == "running"
        with pytest.raises(Conflict, match="is not paused"):
            await unpause(entry, room.runtimes, room.records, room.announcer)
        assert room.actions() == ["start", "pause", "unpause"]
        await room.close()

    asyncio.run(attempt())


def test_a_container_that_has_just_ended_is_not_running(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, _ = await room.running()
        room.runtime.fail["pause"] = RuntimeFailure("container not running", "gone")
        with pytest.raises(Conflict, match="is not running"):
            await pause(entry, room.runtimes, room.records, room.announcer)
        await room.close()

    asyncio.run(attempt())


def test_a_runtime_that_fails_leaves_the_state(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, _ = await room.running()
        room.runtime.fail["pause"] = RuntimeFailure("no freezer")
        with pytest.raises(SystemFailure, match="cannot pause container .*: no freezer"):
            await pause(entry, room.runtimes, room.records, room.announcer)
        assert status(entry) == "running"
        await room.close()

    asyncio.run(attempt())


@pytest.mark.parametrize("frozen", [True, None, False])
def test_what_somebody_else_thawed_is_not_paused_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frozen: bool | None
) -> None:
    monkeypatch.setattr(module, "is_frozen", lambda pid: frozen)

    async def attempt() -> None:
        room = Room(tmp_path)
        entry, _ = await room.running()
        await pause(entry, room.runtimes, room.records, room.announcer)
        room.runtime.fail["resume"] = RuntimeFailure("container not paused")
        if frozen is False:
            await unpause(entry, room.runtimes, room.records, room.announcer)
        else:
            kind, words = (Conflict, "is not running") if frozen is None else (SystemFailure, "not paused")
            with pytest.raises(kind, match=words):
                await unpause(entry, room.runtimes, room.records, room.announcer)
        assert status(entry) == ("running" if frozen is False else "paused")
        await room.close()

    asyncio.run(attempt())
