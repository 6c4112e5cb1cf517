import asyncio
import json
from dataclasses import replace
from pathlib import Path

from restd.container.exited import cleaned
from restd.model.container import HostConfig, Status
from restd.runtime.base import RuntimeFailure
from shim.protocol import News
from tests.unit.restd.container.room import Room

PLAIN = HostConfig(network_mode="none", ipc_mode="private", runtime="runc")


def test_the_news_of_an_exit_ends_the_run(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, link = await room.running()
        link.end(42)
        await asyncio.wait_for(entry.exited.wait(), 5)
        state = entry.container.state
        assert (state.status, state.exit_code, state.pid) == (Status.EXITED, 42, 0)
        die = room.watcher._queue[-1]
        assert (die.action, die.attributes["exitCode"], die.attributes["execDuration"]) == ("die", "42", "0")
        await room.settle()
        assert "clean" in room.runtime.verbs() and not room.images.overlay.mounted
        saved = json.loads(Path(entry.container.directory, "state.json").read_text())
        assert saved["State"]["ExitCode"] == 42
        await room.close()

    asyncio.run(attempt())


def test_a_lookup_finds_the_record_before_the_news(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, link = await room.running()
        room.exits.notice(entry)
        assert entry.container.state.running
        link.write(7)
        room.exits.notice(entry)
        room.exits.notice(entry)
        assert entry.container.state.exit_code == 7
        assert room.actions().count("die") == 1
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_a_shim_that_dies_takes_the_container_with_an_unknown_exit(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, link = await room.running()
        room.runtime.deadly = set()
        link.die()
        await asyncio.wait_for(entry.exited.wait(), 5)
        state = entry.container.state
        assert (state.exit_code, state.exit_unknown) == (255, True)
        assert "shim" in state.error
        assert "kill" not in room.runtime.verbs(), "the runtime may be what is broken"
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_a_daemon_that_lets_go_ends_nothing(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, link = await room.running()
        link.close()
        await asyncio.sleep(0)
        assert await room.tasks.drain(5)
        assert entry.container.state.running and "kill" not in room.runtime.verbs()
        await room.close()

    asyncio.run(attempt())


def test_other_news_become_events(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        _, link = await room.running()
        for what in ("oom", "detach", "log-error"):
            link.queue.put_nowait(News(what))
        link.close()
        assert await room.tasks.drain(5)
        assert room.actions() == ["start", "oom", "detach"]
        await room.close()

    asyncio.run(attempt())


def test_an_auto_remove_container_goes_with_its_end(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, link = await room.running(host_config=replace(PLAIN, auto_remove=True))
        link.end(1)
        await asyncio.wait_for(entry.removed.wait(), 5)
        assert len(room.registry) == 0
        await room.settle()
        assert room.actions() == ["start", "die", "destroy"]
        assert not Path(entry.container.directory).exists() and not Path(entry.container.run_directory).exists()
        await room.close()

    asyncio.run(attempt())


def test_what_will_not_be_cleaned_is_tried_again_and_holds_up_the_next_start(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, link = await room.running()
        room.runtime.fail["clean"] = RuntimeFailure("cgroup is busy")
        link.end()
        await asyncio.wait_for(entry.exited.wait(), 5)
        await cleaned(entry)
        assert room.collector.leftovers
        del room.runtime.fail["clean"]
        await room.settle()
        assert not room.collector.leftovers
        await room.close()

    asyncio.run(attempt())
