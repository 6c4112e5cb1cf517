"""Verbs thrown at containers at random and at once: each ends soon, and nothing is left."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from restd.container.kill import kill, kill_at_once
from restd.container.pause import pause, unpause
from restd.container.registry import Entry
from restd.container.rename import rename
from restd.container.restart import restart
from restd.container.stop import stop
from restd.errors import Conflict, InvalidParameter, NotFound, NotModified
from restd.model.container import HostConfig
from tests.unit.restd.container.room import Room

PLAIN = HostConfig(network_mode="none", ipc_mode="private", runtime="runc")
EXPECTED = (Conflict, InvalidParameter, NotFound, NotModified)


def verbs(room: Room, entry: Entry, rng: random.Random) -> list[Callable[[], Awaitable[None]]]:
    below = (room.runtimes, room.exits, room.announcer)

    async def remove() -> None:
        room.remover.check(entry, "box", force=True, link=False)
        await kill_at_once(entry, *below)
        await room.remover.finish(entry)

    return [
        lambda: room.starter.start(entry),
        lambda: room.starter.start(entry),
        lambda: stop(entry, 0, "", *below),
        lambda: kill(entry, "box", "", *below),
        lambda: restart(entry, 0, "", *below, room.starter),
        lambda: pause(entry, room.runtimes, room.records, room.announcer),
        lambda: unpause(entry, room.runtimes, room.records, room.announcer),
        lambda: rename(entry, f"name{rng.randrange(100)}", room.registry, room.records, room.announcer, room.sandboxes),
        remove,
    ]


@pytest.mark.parametrize("seed", range(12))
def test_many_verbs_at_once_all_end_and_leave_nothing(tmp_path: Path, seed: int) -> None:
    async def attempt() -> None:
        rng = random.Random(seed)
        room = Room(tmp_path)
        entry = room.add(host_config=replace(PLAIN, auto_remove=rng.random() < 0.4))
        choices = verbs(room, entry, rng)

        async def one(verb: Callable[[], Awaitable[None]]) -> None:
            for _ in range(rng.randrange(4)):
                await asyncio.sleep(0)
            with contextlib.suppress(*EXPECTED):
                await verb()

        async with asyncio.timeout(20):
            for _ in range(6):
                await asyncio.gather(*(one(rng.choice(choices)) for _ in range(4)))
            while not entry.removed.is_set():
                await one(choices[-1])
        await room.settle()
        assert len(room.registry) == 0 and not room.images.overlay.mounted
        assert not list(room.records.found()) and room.images.overlay.containers() == []
        assert room.actions().count("destroy") == 1
        await room.close()

    asyncio.run(attempt())
