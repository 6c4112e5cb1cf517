import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from restd.container import unfinished_start as module
from restd.container.registry import Entry
from restd.container.unfinished_start import UnfinishedStarts, read_pid
from restd.model.container import Status
from restd.runtime.base import RuntimeFailure
from tests.unit.restd.container.room import PID, Link, Room


class Cut:
    """A created container whose start a dead daemon had under way."""

    def __init__(self, folder: Path) -> None:
        self.room = room = Room(folder)
        self.entry: Entry = room.add()
        self.folder = Path(self.entry.container.run_directory)
        os.makedirs(self.folder)
        self.link = Link(str(self.folder))

    async def take_up(self, *, pid: int = PID) -> bool:
        if pid:
            (self.folder / "pid").write_text(str(pid))
        link: Any = self.link
        return await UnfinishedStarts(self.room.records, self.room.runtimes).take_up(self.entry, link)

    @property
    def status(self) -> Status:
        return self.entry.container.state.status


def play(folder: Path, scene: Callable[[Cut], Awaitable[None]]) -> None:
    async def scenario() -> None:
        cut = Cut(folder)
        async with asyncio.timeout(10):
            await scene(cut)
            await cut.room.settle()
        await cut.room.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(("said", "status"), [("running", Status.RUNNING), ("paused", Status.PAUSED)])
def test_it_is_finished_if_the_process_was_let_run(tmp_path: Path, said: str, status: Status) -> None:
    async def scene(cut: Cut) -> None:
        cut.room.runtime.answer = said
        assert await cut.take_up()
        assert (cut.status, cut.entry.container.state.pid) == (status, PID)
        assert not cut.entry.exited.is_set() and cut.entry.link is not None and cut.link.living

    play(tmp_path, scene)


def test_a_process_that_ended_meanwhile_was_a_run(tmp_path: Path) -> None:
    async def scene(cut: Cut) -> None:
        cut.room.runtime.answer = "stopped"
        taking = asyncio.ensure_future(cut.take_up())
        await asyncio.sleep(0)
        cut.link.write(4)
        assert await taking
        assert cut.status is Status.RUNNING and cut.link.living, "its end is found like any other's"

    play(tmp_path, scene)


@pytest.mark.parametrize("pid", [PID, 0])
def test_it_is_undone_if_the_process_was_never_let_run(tmp_path: Path, pid: int) -> None:
    async def scene(cut: Cut) -> None:
        cut.room.runtime.answer = "created"
        assert not await cut.take_up(pid=pid)
        assert cut.status is Status.CREATED and not cut.link.living
        assert cut.room.runtime.verbs() == (["status"] if pid else [])

    play(tmp_path, scene)


@pytest.mark.parametrize("way", ["says no", "hangs"])
def test_a_runtime_that_does_not_answer_means_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setattr(module, "STATUS_SECONDS", 0.02)

    async def hang(container: object) -> str:
        await asyncio.sleep(60)
        return "running"

    async def scene(cut: Cut) -> None:
        if way == "hangs":
            monkeypatch.setattr(cut.room.runtime, "status", hang)
        else:
            cut.room.runtime.fail["status"] = RuntimeFailure("cannot be executed")
        assert not await cut.take_up()
        assert cut.status is Status.CREATED and not cut.link.living

    play(tmp_path, scene)


def test_no_pid_is_read_as_none(tmp_path: Path) -> None:
    assert read_pid(str(tmp_path)) == 0
    (tmp_path / "pid").write_text("nonsense")
    assert read_pid(str(tmp_path)) == 0
