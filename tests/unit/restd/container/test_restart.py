import asyncio
from dataclasses import replace
from pathlib import Path

from restd.container.restart import restart
from restd.model.container import HostConfig
from tests.unit.restd.container.room import Room

PLAIN = HostConfig(network_mode="none", ipc_mode="private", runtime="runc")


def test_a_restart_stops_and_starts(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, _ = await room.running()
        await restart(entry, None, "", room.runtimes, room.exits, room.announcer, room.starter)
        assert entry.container.state.running and not entry.container.manually_stopped
        assert room.actions() == ["start", "kill", "die", "stop", "start", "restart"]
        await room.close()

    asyncio.run(attempt())


def test_a_stopped_container_is_only_started(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add()
        await restart(entry, None, "", room.runtimes, room.exits, room.announcer, room.starter)
        assert room.actions() == ["start", "restart"]
        await room.close()

    asyncio.run(attempt())


def test_an_auto_remove_container_survives_a_restart_but_not_its_end(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, _ = await room.running(host_config=replace(PLAIN, auto_remove=True))
        await restart(entry, None, "", room.runtimes, room.exits, room.announcer, room.starter)
        assert entry.container.state.running and not entry.removed.is_set()
        assert room.runtime.link is not None
        room.runtime.link.end()
        await asyncio.wait_for(entry.removed.wait(), 5)
        await room.settle()
        await room.close()

    asyncio.run(attempt())
