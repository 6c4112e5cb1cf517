import asyncio
import json
import os
import socket
from pathlib import Path

import pytest

from restd.errors import Conflict, InvalidParameter, SystemFailure
from restd.model.container import Status
from shim.protocol import Wait
from tests.unit.restd.container.room import Room


def test_a_removed_container_leaves_nothing_and_its_name_is_free(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add()
        os.makedirs(entry.container.run_directory)
        await room.remover.finish(entry)
        assert len(room.registry) == 0 and not room.registry.name_taken("box")
        assert entry.removed.is_set() and room.actions() == ["destroy"]
        await room.settle()
        assert not room.images.overlay.has(entry.container.id)
        assert os.listdir(f"{room.config.graph}/engines/runc") == os.listdir(f"{room.config.state}/runc") == []
        assert os.listdir(f"{room.config.graph}/trash") == []

    asyncio.run(attempt())


def test_of_two_removals_one_is_told_of_the_other(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add()
        results = await asyncio.gather(room.remover.finish(entry), room.remover.finish(entry), return_exceptions=True)
        assert [item for item in results if item is None]
        conflicts = [str(item) for item in results if isinstance(item, Conflict)]
        assert conflicts in ([], ["removal of container box is already in progress"])
        assert room.actions() == ["destroy"]
        await room.settle()

    asyncio.run(attempt())


def test_a_running_container_needs_force_and_links_are_refused(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, _ = await room.running()
        with pytest.raises(Conflict, match="container is running: stop the container before removing or force remove"):
            room.remover.check(entry, "box", force=False, link=False)
        room.remover.check(entry, "box", force=True, link=False)
        with pytest.raises(InvalidParameter, match="links"):
            room.remover.check(entry, "box", force=True, link=True)
        with pytest.raises(Conflict):
            await room.remover.finish(entry)
        assert entry.container.state.running
        await room.close()

    asyncio.run(attempt())


def test_a_removal_that_fails_leaves_a_dead_container_that_can_be_removed_again(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add()
        room.images.overlay.fail = Conflict("still in use")
        with pytest.raises(SystemFailure, match="still in use"):
            await room.remover.finish(entry)
        assert (entry.container.state.status, entry.container.state.error) == (Status.DEAD, "still in use")
        assert room.registry.find("box") is entry
        room.images.overlay.fail = None
        await room.remover.finish(entry)
        assert len(room.registry) == 0
        await room.settle()

    asyncio.run(attempt())


def test_a_removal_is_written_down_before_anything_is_taken_away(tmp_path: Path) -> None:
    """A daemon that comes later knows then what is missing, and goes on with it."""

    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add()
        saved: list[str] = []

        async def look(container_id: str) -> None:
            saved.append(json.loads(Path(entry.container.directory, "state.json").read_text())["State"]["Status"])

        room.images.overlay.remove = look
        await room.remover.finish(entry)
        assert saved == ["removing"]
        await room.settle()

    asyncio.run(attempt())


def test_those_who_wait_for_the_removal_get_the_last_exit_code(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add()
        ours, theirs = socket.socketpair()
        await room.held.hold(entry, ours.detach(), Wait(removed=True))
        await room.remover.finish(entry)
        assert b'{"StatusCode":0}' in theirs.recv(1000)
        theirs.close()
        await room.settle()
        await room.close()

    asyncio.run(attempt())
