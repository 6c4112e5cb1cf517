import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from restd.container import restore as module
from restd.container.registry import Entry
from restd.model.container import HostConfig, RestartPolicy, Status
from tests.unit.restd.container.room import PID, Link, Room
from tests.unit.restd.container.sample import ID

PLAIN = HostConfig(network_mode="none", ipc_mode="private", runtime="runc")


class Shims:
    """The links that a restoring daemon makes, prepared by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, living: bool) -> None:
        self.living = living
        self.made: list[Link] = []
        monkeypatch.setattr(module, "ShimLink", self.link)

    def link(self, state: str) -> Link:
        made = Link(state)
        made.living = self.living
        self.made.append(made)
        return made


async def again(room: Room, entry: Entry | None = None) -> Entry:
    """A new daemon over the same disk; the container as it finds it."""
    await room.close()
    room.build()
    await room.restorer.restore()
    return room.registry.find(ID)


def left(room: Room, status: Status, **changes: Any) -> Entry:
    """A container whose daemon died with this on disk."""
    entry = room.add(**changes)
    os.makedirs(entry.container.run_directory)
    room.set_state(entry, status, pid=PID if status in (Status.RUNNING, Status.PAUSED) else 0, started_at=1)
    return entry


def test_a_created_container_comes_back(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        room.add()
        entry = await again(room)
        assert entry.container.state.status is Status.CREATED and room.registry.find("box") is entry
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_a_running_container_with_its_shim_runs_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def attempt() -> None:
        Shims(monkeypatch, living=True)
        room = Room(tmp_path)
        left(room, Status.RUNNING)
        entry = await again(room)
        assert entry.container.state.running and not entry.exited.is_set()
        link: Any = entry.link
        link.end(9)
        await asyncio.wait_for(entry.exited.wait(), 5)
        assert entry.container.state.exit_code == 9
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_an_exit_that_nobody_heard_of_is_read_from_its_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def attempt() -> None:
        Shims(monkeypatch, living=False)
        room = Room(tmp_path)
        Link(left(room, Status.RUNNING).container.run_directory).write(42)
        entry = await again(room)
        assert (entry.container.state.status, entry.container.state.exit_code) == (Status.EXITED, 42)
        assert "kill" not in room.runtime.verbs()
        await room.settle()
        assert "clean" in room.runtime.verbs()
        await room.close()

    asyncio.run(attempt())


def test_a_container_whose_shim_is_gone_is_ended_with_an_unknown_exit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def attempt() -> None:
        Shims(monkeypatch, living=False)
        room = Room(tmp_path)
        left(room, Status.PAUSED)
        entry = await again(room)
        assert entry.container.state.exit_unknown and entry.container.state.exit_code == 255
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_an_auto_remove_container_that_ended_meanwhile_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def attempt() -> None:
        Shims(monkeypatch, living=False)
        room = Room(tmp_path)
        entry = left(room, Status.RUNNING, host_config=replace(PLAIN, auto_remove=True))
        Link(entry.container.run_directory).write(0)
        await room.close()
        room.build()
        await room.restorer.restore()
        await room.settle()
        assert len(room.registry) == 0
        await room.close()

    asyncio.run(attempt())


def test_a_removal_that_a_crash_cut_short_is_finished(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        left(room, Status.REMOVING)
        await room.close()
        room.build()
        room.runtimes.kept = True
        await room.restorer.restore()
        await room.settle()
        assert len(room.registry) == 0 and list(room.records.found()) == []
        assert "clean" in room.runtime.verbs(), "the removal of an AutoRemove container comes before that"
        await room.close()

    asyncio.run(attempt())


@pytest.mark.parametrize("as_far_as_a_process", [True, False])
def test_a_start_that_was_cut_short_before_its_process_ran_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_far_as_a_process: bool
) -> None:
    async def attempt() -> None:
        shims = Shims(monkeypatch, living=True)
        room = Room(tmp_path)
        entry = left(room, Status.CREATED)
        if as_far_as_a_process:
            Path(entry.container.run_directory, "pid").write_text(str(PID))
        room.images.overlay.mounted.add(ID)
        room.runtime.answer, room.runtimes.kept = "created", as_far_as_a_process
        found = await again(room)
        assert found.container.state.status is Status.CREATED
        assert not shims.made[-1].living, "it ends no stream: its clients stay for the next start"
        await room.settle()
        assert "clean" in room.runtime.verbs() and not room.images.overlay.mounted
        await room.close()

    asyncio.run(attempt())


def test_a_run_that_began_and_ended_without_being_written_is_an_exit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def attempt() -> None:
        Shims(monkeypatch, living=False)
        room = Room(tmp_path)
        Link(left(room, Status.CREATED).container.run_directory).write(5)
        entry = await again(room)
        assert (entry.container.state.status, entry.container.state.exit_code) == (Status.EXITED, 5)
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_a_create_that_a_crash_cut_short_is_undone(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add()
        os.unlink(f"{entry.container.directory}/config.v2.json")
        await room.close()
        room.build()
        await room.restorer.restore()
        await room.settle()
        assert len(room.registry) == 0 and not room.images.overlay.has(ID)
        await room.close()

    asyncio.run(attempt())


def test_one_that_cannot_be_read_is_shown_dead_and_stops_nobody(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        bad = room.add()
        other = "cd" * 32
        room.add(
            id=other,
            name="other",
            directory=room.records.directory("runc", other),
            run_directory=room.records.run_directory("runc", other),
        )
        Path(bad.container.directory, "config.v2.json").write_text("[]")
        for _ in range(2):
            entry = await again(room)
            assert entry.container.state.status is Status.DEAD and entry.container.state.error
            assert room.registry.find("other").container.state.status is Status.CREATED
        await room.remover.finish(entry)
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_what_belongs_to_no_container_is_taken_away(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        stranger = "ef" * 32
        room.runtimes.stray = [("runc", stranger)]
        room.images.overlay.create_container_layer(stranger, "x")
        folder = Path(room.config.state, "runc", stranger)
        folder.mkdir(parents=True)
        kept = Path(room.config.state, "runtime-root", "runc")
        kept.mkdir(parents=True)
        await room.restorer.restore()
        await room.settle()
        assert ("delete", stranger) in room.runtime.calls
        assert not folder.exists() and kept.exists() and not room.images.overlay.has(stranger)
        await room.close()

    asyncio.run(attempt())


def test_two_containers_of_one_name_both_come_back(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        room.add()
        other = "cd" * 32
        directory = room.records.directory("runc", other)
        second = replace(
            room.registry.find("box").container,
            id=other,
            directory=directory,
            run_directory=room.records.run_directory("runc", other),
        )
        room.records.create(second)
        await again(room)
        assert {entry.container.name for entry in room.registry} in (
            {"box", f"box-{other[:12]}"},
            {"box", f"box-{ID[:12]}"},
        )
        await room.settle()
        await room.close()

    asyncio.run(attempt())


@pytest.mark.parametrize("sign", ["folder", "boot"])
@pytest.mark.parametrize(("name", "restarts"), [("no", False), ("always", True), ("on-reboot", True)])
def test_what_ended_with_the_host_is_not_looked_for_and_its_policy_is_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sign: str, name: str, restarts: bool
) -> None:
    async def attempt() -> None:
        Shims(monkeypatch, living=False)
        room = Room(tmp_path)
        entry = left(room, Status.RUNNING, host_config=replace(PLAIN, restart_policy=RestartPolicy(name)))
        if sign == "folder":
            os.rmdir(entry.container.run_directory)
        else:
            room.records.boot_id = "another"
            room.records.save_state(entry.container)
        # Somebody else has the process id by now.
        found = await again(room)
        assert "kill" not in room.runtime.verbs()
        assert "the host went down" in found.container.state.error and found.container.state.exit_code == 255
        assert found.container.state.status is (Status.RESTARTING if restarts else Status.EXITED)
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_a_start_by_hand_that_nobody_noted_forgets_the_stop_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def attempt() -> None:
        Shims(monkeypatch, living=True)
        room = Room(tmp_path)
        entry = left(room, Status.EXITED, manually_stopped=True)
        Path(entry.container.run_directory, "pid").write_text(str(PID))
        found = await again(room)
        assert found.container.state.status is Status.RUNNING and not found.container.manually_stopped
        await room.settle()
        await room.close()

    asyncio.run(attempt())
