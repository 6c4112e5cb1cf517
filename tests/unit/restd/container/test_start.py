import asyncio
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from restd.errors import Conflict, InvalidParameter, NotModified, SystemFailure
from restd.model.container import Config, HostConfig, Status
from restd.runtime.base import RuntimeFailure
from shim.protocol import Attach, Wait
from tests.unit.restd.container.room import PID, Room

PLAIN = HostConfig(network_mode="none", ipc_mode="private", runtime="runc")


def test_a_start_mounts_creates_and_runs_in_this_order(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, _ = await room.running()
        assert room.runtime.verbs() == ["create", "start"]
        state = entry.container.state
        assert (state.status, state.pid, state.started_at > 0) == (Status.RUNNING, PID, True)
        assert room.images.overlay.is_mounted(entry.container.id)
        assert not entry.exited.is_set()
        assert room.actions() == ["start"]
        await room.close()

    asyncio.run(attempt())


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, _ = await room.running()
        with pytest.raises(NotModified):
            await room.starter.start(entry)
        assert room.runtime.verbs() == ["create", "start"]
        await room.close()

    asyncio.run(attempt())


def test_of_two_starts_at_once_one_runs(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add()
        results = await asyncio.gather(*(room.starter.start(entry) for _ in range(2)), return_exceptions=True)
        assert [type(item) for item in results].count(NotModified) == 1
        assert room.runtime.verbs().count("create") == 1
        await room.close()

    asyncio.run(attempt())


def test_the_shim_learns_what_was_asked(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        config = Config(image="busybox", cmd=("cat",), tty=True, open_stdin=True, stdin_once=True)
        await room.running(config=config, host_config=replace(PLAIN, console_size=(24, 80)))
        spec, process = room.runtime.calls[0][1]
        assert (process.tty, process.stdin, process.stdin_once, process.console_size) == (True, True, True, [24, 80])
        assert spec["root"]["path"].endswith(process.id)
        await room.close()

    asyncio.run(attempt())


def test_clients_that_wait_are_handed_over_and_let_go(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add()
        pairs = [socket.socketpair() for _ in range(2)]
        requests: tuple[Wait | Attach, ...] = (Wait(), Attach(stdout=True))
        for request, (ours, _) in zip(requests, pairs, strict=True):
            await room.held.hold(entry, ours.detach(), request)
        await room.starter.start(entry)
        handed = room.runtime.handed
        assert handed is not None and len(handed.attaches) == len(handed.waits) == 1
        assert len(handed.descriptors) == 2 and entry.held == []
        assert pairs[0][1].recv(1) == b"", "nobody here holds the connection any more"
        for _, theirs in pairs:
            theirs.close()
        await room.close()

    asyncio.run(attempt())


def test_a_failed_start_ends_attaches_and_keeps_waits(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add()
        room.runtime.fail["create"] = RuntimeFailure("nope: executable file not found in $PATH", "not-found")
        (wait, waiter), (attach, attached) = socket.socketpair(), socket.socketpair()
        await room.held.hold(entry, wait.detach(), Wait())
        await room.held.hold(entry, attach.detach(), Attach(stdout=True))
        with pytest.raises(InvalidParameter, match="executable file not found"):
            await room.starter.start(entry)
        assert attached.recv(1) == b""
        assert [type(held.request) for held in entry.held] == [Wait]
        room.held.release(entry, 0)
        waiter.close()
        attached.close()
        await room.close()

    asyncio.run(attempt())


@pytest.mark.parametrize(
    ("verb", "failure", "kind", "code"),
    [
        ("create", RuntimeFailure("x not found", "not-found"), InvalidParameter, 127),
        ("create", RuntimeFailure("permission denied", "not-executable"), InvalidParameter, 126),
        ("create", SystemFailure("the shim died"), SystemFailure, 128),
        ("start", RuntimeFailure("something else"), SystemFailure, 128),
    ],
)
def test_a_failed_start_gives_everything_back(
    tmp_path: Path, verb: str, failure: Exception, kind: type[Exception], code: int
) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add()
        room.runtime.fail[verb] = failure
        with pytest.raises(kind) as caught:
            await room.starter.start(entry)
        state = entry.container.state
        assert (state.status, state.exit_code, state.error) == (Status.CREATED, code, str(caught.value))
        assert not room.images.overlay.mounted
        assert os.listdir(entry.container.run_directory) == []
        assert entry.exited.is_set() and "start" not in room.actions()
        del room.runtime.fail[verb]
        await room.starter.start(entry)
        assert entry.container.state.error == ""
        await room.close()

    asyncio.run(attempt())


def test_a_failed_start_of_an_auto_remove_container_removes_it(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add(host_config=replace(PLAIN, auto_remove=True))
        room.runtime.fail["create"] = RuntimeFailure("x not found", "not-found")
        with pytest.raises(InvalidParameter):
            await room.starter.start(entry)
        assert entry.removed.is_set() and len(room.registry) == 0
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_a_process_that_ended_before_the_reply_is_shown_as_ended(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add()
        start = room.runtime.start

        async def quick(container: object) -> None:
            await start(entry.container)
            assert room.runtime.link is not None
            room.runtime.link.end(3)

        room.runtime.start = quick  # type: ignore[method-assign]
        await room.starter.start(entry)
        assert (entry.container.state.status, entry.container.state.exit_code) == (Status.EXITED, 3)
        assert room.actions() == ["start", "die"]
        await room.settle()
        await room.close()

    asyncio.run(attempt())


def test_a_start_during_the_removal_of_an_auto_remove_container_is_told(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry, link = await room.running(host_config=replace(PLAIN, auto_remove=True))
        link.write(0)
        room.exits.notice(entry)
        async with asyncio.timeout(5):
            with pytest.raises(Conflict, match="marked for removal"):
                await room.starter.start(entry)
        await room.settle()
        assert entry.removed.is_set()
        await room.close()

    asyncio.run(attempt())


def test_a_working_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add(config=Config(image="busybox", cmd=("x",), working_dir="/etc/passwd"))
        (room.images.overlay.root / entry.container.id / "etc/passwd").touch()
        with pytest.raises(InvalidParameter, match="Cannot mkdir: /etc/passwd is not a directory"):
            await room.starter.start(entry)
        await room.close()

    asyncio.run(attempt())


def test_a_container_to_join_must_run(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        donor = room.add()
        other = room.add(
            id="cd" * 32,
            name="other",
            directory=room.records.directory("runc", "cd" * 32),
            run_directory=room.records.run_directory("runc", "cd" * 32),
            host_config=replace(PLAIN, network_mode=f"container:{donor.container.id}"),
        )
        with pytest.raises(Conflict, match="cannot join network namespace of a non running container"):
            await room.starter.start(other)
        await room.starter.start(donor)
        await room.starter.start(other)
        spec, _ = room.runtime.calls[-2][1]
        assert {"type": "network", "path": f"/proc/{PID}/ns/net"} in spec["linux"]["namespaces"]
        await room.close()

    asyncio.run(attempt())


def test_a_layer_that_a_power_cut_took_is_made_again(tmp_path: Path) -> None:
    async def attempt() -> None:
        room = Room(tmp_path)
        entry = room.add()
        await room.images.overlay.remove(entry.container.id)
        await room.starter.start(entry)
        assert room.images.overlay.has(entry.container.id)
        await room.close()

    asyncio.run(attempt())
