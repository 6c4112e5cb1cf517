import asyncio
from pathlib import Path

import pytest

from restd.container.rename import rename
from restd.errors import Conflict, InvalidParameter
from tests.unit.restd.container.room import Room


def test_a_new_name_is_on_disk_and_the_old_one_free(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add()
        await rename(entry, "/other", room.registry, room.records, room.announcer, room.sandboxes)
        assert room.registry.find("other") is entry and not room.registry.name_taken("box")
        loaded = room.records.load(next(room.records.found()))
        assert loaded is not None and loaded.name == "other"
        event = room.watcher._queue[-1]
        assert (event.action, event.attributes["name"], event.attributes["oldName"]) == ("rename", "other", "/box")

    asyncio.run(attempt())


def test_a_name_that_is_taken_bad_or_the_same_is_refused(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add()
        room.registry.reserve_name("taken", "f" * 64)
        with pytest.raises(Conflict, match="already in use"):
            await rename(entry, "taken", room.registry, room.records, room.announcer, room.sandboxes)
        for name in ("", "/", "a", "a b", "box"):
            with pytest.raises(InvalidParameter):
                await rename(entry, name, room.registry, room.records, room.announcer, room.sandboxes)
        assert room.registry.find("box") is entry

    asyncio.run(attempt())


def test_a_name_that_cannot_be_written_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add()

        def fails(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(room.records, "save_config", fails)
        with pytest.raises(Exception, match="No space left"):
            await rename(entry, "other", room.registry, room.records, room.announcer, room.sandboxes)
        assert entry.container.name == "box" and not room.registry.name_taken("other")

    asyncio.run(attempt())
