"""Births that fail, ends that come, and what a shim outlives: with real runtimes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time

import pytest

from restd.lib.tasks import TaskGroup
from restd.runtime.keeper import Keeper
from restd.runtime.nursery import Nursery, ShimGone, ShimLink
from shim import protocol
from shim.protocol import Attach, LogSpec, News, ProcessSpec, Wait
from tests.shim.rig import LIMIT, Rig, is_shim, logged_at, scenario, until, write_file

BOTH = Attach(stdout=True, stderr=True)
RUNTIMES = pytest.mark.parametrize("runtime", ["runc", "crun"])


# -- births ------------------------------------------------------------------------------------------------------------


@scenario
@RUNTIMES
async def test_a_program_that_does_not_exist_is_not_found(rig: Rig, runtime: str) -> None:
    container = await rig.create(["nope"], expect_failure=True)
    assert container.born is not None
    assert container.born.kind == "not-found"
    assert "nope" in container.born.message


@scenario
@RUNTIMES
async def test_a_file_that_is_no_program_is_not_executable(rig: Rig, runtime: str) -> None:
    container = await rig.create(["/etc/plain"], expect_failure=True)
    assert container.born is not None
    assert container.born.kind == "not-executable"


@scenario
async def test_a_failed_birth_leaves_no_process_and_ends_the_attach(rig: Rig) -> None:
    peer = rig.peer(BOTH)
    container = await rig.create(["nope"], attaches=[peer], expect_failure=True)
    assert await asyncio.to_thread(peer.read_all) == b""
    assert container.born is not None
    pid = container.born.shim_pid
    await until(lambda: not is_shim(pid))
    assert not os.path.exists(f"{container.state}/{protocol.EXIT_RECORD}")


@scenario
async def test_a_runtime_that_takes_too_long_is_killed(rig: Rig) -> None:
    slow = f"{rig.folder}/slow-runtime"
    write_file(slow, b"#!/bin/sh\nsleep 1000 & sleep 1000\n")
    os.chmod(slow, 0o755)  # a program
    state = f"{rig.folder}/state/slow"
    os.makedirs(state)
    born, _ = await rig.birth(state, ProcessSpec(id="slow", runtime=[slow], bundle="/", start_timeout=0.2), (), ())
    assert (born.ok, born.kind) == (False, "timeout")
    assert not children_of(born.shim_pid)


@scenario
async def test_a_runtime_gets_a_clean_environment(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_FDS", "1")
    await rig.nursery.close()  # the next birth starts one with this environment
    program, seen = f"{rig.folder}/runtime", f"{rig.folder}/environment"
    write_file(program, f"#!/bin/sh\nexec env >{seen}\n".encode())
    os.chmod(program, 0o755)
    state = f"{rig.folder}/state/clean"
    os.makedirs(state)
    await rig.birth(state, ProcessSpec(id="clean", runtime=[program], bundle="/"), (), ())
    with open(seen) as file:
        names = {line.partition("=")[0] for line in file}
    assert names - {"PWD", "SHLVL", "_"} == {"PATH", "LANG"}


@scenario
async def test_a_runtime_that_is_not_there_and_orders_that_are_none_are_refused(rig: Rig) -> None:
    state = f"{rig.folder}/state/none"
    os.makedirs(state)
    born, _ = await rig.birth(state, ProcessSpec(id="none", runtime=["/nonexistent"], bundle="/"), (), ())
    assert (born.ok, born.kind) == (False, "runtime")
    assert "No such file" in born.message
    write_file(f"{state}/{protocol.PROCESS_FILE}", b"{")
    born, _ = await rig.nursery.birth(state, [], [], [], LIMIT)
    assert "could not start" in born.message


@scenario
async def test_an_exec_has_its_own_shim_and_its_own_exit_record(rig: Rig) -> None:
    container = await rig.create(["sleep", "100"])
    await container.start()
    peer = rig.peer(Attach(stdin=True, stdout=True, stderr=True))
    made = await rig.exec(container, ["sh", "-c", "cat; echo err >&2; exit 9"], attaches=[peer], stdin=True)
    peer.send(b"through")
    peer.half_close()
    assert await asyncio.to_thread(peer.read_streams) == {1: b"through", 2: b"err\n"}
    assert made.link is not None
    record = made.link.read_exit_record()
    assert record is not None, "the record comes before the end of the stream"
    assert record.exit_code == 9


@scenario
@RUNTIMES
async def test_an_exec_of_nothing_tells_the_client_and_records_127(rig: Rig, runtime: str) -> None:
    container = await rig.create(["sleep", "100"])
    await container.start()
    peer = rig.peer(BOTH)
    made = await rig.exec(container, ["nope"], attaches=[peer])
    assert made.born is not None
    assert (made.born.ok, made.born.kind) == (False, "not-found")
    said = await asyncio.to_thread(peer.read_streams)
    assert b"nope" in said[1]
    assert said[1].endswith(b"\r\n")
    assert made.link is not None
    record = made.link.read_exit_record()
    assert record is not None
    assert record.exit_code == 127


@scenario
@RUNTIMES
async def test_output_that_is_captured_is_in_the_exit_record(rig: Rig, runtime: str) -> None:
    container = await rig.create(["sleep", "100"])
    await container.start()
    made = await rig.exec(container, ["sh", "-c", "echo out; echo err >&2; exit 3"], capture=4096, time_limit=20.0)
    record = await made.exited()
    assert (record.exit_code, sorted(record.output.splitlines()), record.late) == (3, ["err", "out"], False)
    long = await rig.exec(container, ["sh", "-c", "yes | head -c 100000"], capture=4096)
    assert (await long.exited()).output == "y\n" * 2048 + "..."


@scenario
@RUNTIMES
async def test_an_exec_is_killed_with_its_children_when_its_time_is_over(rig: Rig, runtime: str) -> None:
    container = await rig.create(["sleep", "100"])
    await container.start()
    made = await rig.exec(container, ["sh", "-c", "echo begun; sleep 200 & wait"], capture=100, time_limit=1.0)
    assert made.born is not None
    pid = made.born.pid
    await until(lambda: bool(children_of(pid)))
    others = children_of(pid)
    record = await made.exited()
    assert (record.exit_code, record.output, record.late) == (137, "begun\n", True)
    await until(lambda: not any(runs(other) for other in others))


@scenario
async def test_a_terminal_exec_works_in_a_folder_longer_than_a_socket_path(rig: Rig) -> None:
    container = await rig.create(["sleep", "100"])
    container.state = f"{container.state}/{'x' * 100}"
    await container.start()
    peer = rig.peer(Attach(stdin=True, stdout=True, framed=False))
    made = await rig.exec(container, ["stty", "size"], attaches=[peer], tty=True, stdin=True, console_size=[20, 90])
    assert made.born is not None
    assert made.born.ok
    assert await asyncio.to_thread(peer.read_all) == b"20 90\r\n"


@scenario
@RUNTIMES
@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "terminal"])
async def test_a_container_can_be_started_with_its_creation(rig: Rig, runtime: str, tty: bool) -> None:
    peer = rig.peer(Attach(stdout=True, framed=False))
    container = await rig.create(["sh", "-c", "echo x; exit 5"], attaches=[peer], tty=tty, start=True, log=LogSpec())
    assert (await container.exited()).exit_code == 5
    assert (await asyncio.to_thread(peer.read_all)).split() == [b"x"]
    assert container.born is not None
    assert 0 < container.born.at < logged_at(container.messages()[0]["time"])


@scenario
@RUNTIMES
async def test_a_start_that_fails_leaves_nothing_for_the_runtime(rig: Rig, runtime: str) -> None:
    container = await rig.create(["nope"], start=True, expect_failure=True)
    assert container.born is not None
    assert (container.born.kind, container.born.at) == ("not-found", 0)
    assert os.listdir(f"{rig.folder}/runtime") == []


@scenario
async def test_lives_as_short_as_the_runtimes_are_seen_to_end(rig: Rig) -> None:
    """A process that ends before its runtime is looked at by who called the runtime, before it is collected."""
    for number in range(20):
        container = await rig.create(["sh", "-c", f"exit {number}"], start=True, memory=16 << 20)
        assert (await container.exited()).exit_code == number


# -- ends --------------------------------------------------------------------------------------------------------------


@scenario
@RUNTIMES
@pytest.mark.parametrize(("command", "code"), [("exit 0", 0), ("exit 42", 42), ("kill -9 $$; sleep 9", 137)])
async def test_the_exit_code_is_recorded(rig: Rig, runtime: str, command: str, code: int) -> None:
    # an inner shell: a container's first process doesn't get its own signals
    container = await rig.create(["sh", "-c", f"sh -c '{command}'; exit $?"])
    await container.start()
    before = time.time_ns()
    record = await container.exited()
    assert record.exit_code == code
    assert abs(record.at - before) < 10 * 10**9
    assert not record.oom


@scenario
async def test_a_killed_container_is_128_and_the_signal(rig: Rig) -> None:
    container = await rig.create(["sleep", "100"])
    await container.start()
    killer = await asyncio.create_subprocess_exec(*container.spec.runtime, "kill", container.spec.id, "KILL")
    assert await killer.wait() == 0
    assert (await container.exited()).exit_code == 137


@scenario
async def test_a_wait_is_answered_after_all_output_was_sent(rig: Rig) -> None:
    peer, waiting = rig.peer(BOTH), rig.peer(Attach())
    container = await rig.create(
        ["sh", "-c", "yes | head -c 300000; exit 5"], attaches=[peer], waits=[(Wait(head="HEAD\r\n"), waiting)]
    )
    assert await asyncio.to_thread(waiting.socket.recv, 100) == b"HEAD\r\n"
    await container.start()
    streams = asyncio.create_task(asyncio.to_thread(peer.read_streams))
    body = await asyncio.to_thread(waiting.read_all)
    assert json.loads(body.split(b"\r\n")[1]) == {"StatusCode": 5}
    assert body.endswith(b"\r\n0\r\n\r\n")
    assert len((await streams)[1]) == 300_000


@scenario
async def test_a_wait_for_removal_ends_when_the_folder_goes(rig: Rig) -> None:
    waiting, told = rig.peer(Attach()), rig.peer(Attach())
    container = await rig.create(["true"], waits=[(Wait(removed=True), waiting), (Wait(removed=True), told)])
    await container.start()
    await container.exited()
    waiting.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        waiting.socket.recv(1)
    waiting.socket.settimeout(LIMIT)
    os.rename(container.state, f"{container.state}-gone")
    for peer in (waiting, told):
        assert b'"StatusCode":0' in await asyncio.to_thread(peer.read_all)
    container.state += "-gone"
    assert container.born is not None
    pid = container.born.shim_pid
    await until(lambda: not is_shim(pid))


@scenario
async def test_the_removed_request_answers_at_once(rig: Rig) -> None:
    waiting = rig.peer(Attach())
    container = await rig.create(["true"], waits=[(Wait(removed=True), waiting)])
    await container.start()
    await container.exited()
    assert container.link is not None
    await container.link.request(protocol.OP_REMOVED)
    assert b'"StatusCode":0' in await asyncio.to_thread(waiting.read_all)


@scenario
async def test_a_grandchild_holds_the_streams_for_two_seconds_at_most(rig: Rig) -> None:
    peer = rig.peer(BOTH)
    # not in a pid namespace of its own: there the kernel kills the grandchild with its init
    container = await rig.create(["sleep", "100"])
    await container.start()
    made = await rig.exec(container, ["sh", "-c", "(setsid sh -c 'sleep 100' &) ; echo said; exit 3"], attaches=[peer])
    began = time.monotonic()
    assert await asyncio.to_thread(peer.read_streams) == {1: b"said\n"}
    assert 1.0 < time.monotonic() - began < protocol.DRAIN_SECONDS + 3
    assert made.link is not None
    record = made.link.read_exit_record()
    assert record is not None
    assert record.exit_code == 3


@scenario
async def test_a_client_that_does_not_read_delays_neither_record_nor_wait_for_long(rig: Rig) -> None:
    stuck, waiting = rig.peer(BOTH), rig.peer(Attach())
    container = await rig.create(["sh", "-c", "yes | head -c 1000000"], attaches=[stuck], waits=[(Wait(), waiting)])
    await container.start()
    assert (await container.exited()).exit_code == 0
    assert b'"StatusCode":0' in await asyncio.to_thread(waiting.read_all)
    assert len((await asyncio.to_thread(stuck.read_streams))[1]) == 1_000_000, "and yet it loses nothing"


@scenario
async def test_an_out_of_memory_kill_is_told_and_recorded(rig: Rig) -> None:
    hungry = "x=x; while :; do x=$x$x; done"
    container = await rig.create(["sh", "-c", f"sh -c '{hungry}'; exit 4"], memory=16 << 20)
    await container.start()
    assert container.link is not None
    seen = [news.what async for news in container.link.news()]
    assert seen.count("oom") >= 1
    assert seen[-1] == "exit"
    record = container.link.read_exit_record()
    assert record is not None
    assert record.oom


@scenario
async def test_an_out_of_memory_kill_right_after_the_start_is_recorded(rig: Rig) -> None:
    for _ in range(5):
        container = await rig.create(["sh", "-c", "x=x; while :; do x=$x$x; done"], memory=8 << 20, start=True)
        record = await container.exited()
        assert (record.exit_code, record.oom) == (137, True)


@scenario
async def test_the_shim_ends_and_leaves_the_record(rig: Rig) -> None:
    container = await rig.create(["true"])
    await container.start()
    await container.exited()
    await container.ended()
    left = set(os.listdir(container.state))
    assert protocol.EXIT_RECORD in left
    assert protocol.ATTACH_SOCKET not in left
    assert protocol.SHIM_LOG not in left, "nothing went wrong"
    assert container.link is not None
    with pytest.raises(ShimGone):
        await container.link.request(protocol.OP_PING)


# -- independence ------------------------------------------------------------------------------------------------------


@scenario
async def test_signals_and_the_nurserys_death_do_not_touch_a_shim(rig: Rig) -> None:
    peer = rig.peer(Attach(stdin=True, stdout=True))
    container = await rig.create(["cat"], attaches=[peer], stdin=True, stdin_once=True)
    await container.start()
    assert container.born is not None
    os.kill(rig.nursery.pid, signal.SIGKILL)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(container.born.shim_pid, number)
    peer.send(b"still\n")
    await asyncio.to_thread(peer.read_until, b"still\n")
    after = await rig.create(["true"])
    assert after.born is not None, "the next birth starts a new nursery"
    assert after.born.ok
    peer.half_close()
    assert (await container.exited()).exit_code == 0


@scenario
async def test_another_daemon_finds_the_shim_by_its_folder(rig: Rig) -> None:
    container = await rig.create(["sh", "-c", "cat; exit 6"], stdin=True, stdin_once=True)
    await container.start()
    link = ShimLink(container.state)
    assert link.alive()
    assert link.read_exit_record() is None
    peer = rig.peer(Attach(stdin=True, stdout=True))
    await link.request(protocol.OP_ATTACH, {"stdin": True, "stdout": True}, peer.theirs.fileno())
    peer.handed()
    peer.half_close()
    assert [news async for news in link.news()] == [News("exit")]
    record = link.read_exit_record()
    assert record is not None
    assert record.exit_code == 6
    await until(lambda: not link.alive())


@scenario
async def test_a_daemon_that_dies_before_the_answer_costs_no_container(rig: Rig) -> None:
    state = f"{rig.folder}/state/lonely"
    container = await rig.create(["sleep", "100"])
    spec = container.spec
    os.makedirs(state)
    write_file(
        f"{state}/{protocol.PROCESS_FILE}", protocol.encode(ProcessSpec(f"{spec.id}b", spec.runtime, spec.bundle))
    )
    asking = asyncio.ensure_future(rig.nursery.birth(state, [], [], [], 60))
    await until(lambda: os.path.exists(f"{state}/{protocol.RUNTIME_LOG}"))
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    link = ShimLink(state)
    await until(lambda: os.path.exists(f"{state}/{protocol.PID_FILE}"))
    try:
        assert link.alive()
    finally:
        container.id += "b"
        await container.runtime("delete", "--force")
        container.id = container.id[:-1]
    await until(lambda: not link.alive())


@scenario
async def test_nothing_is_imported_after_the_fork(rig: Rig) -> None:
    """A nursery whose shims can't import, through everything that a shim does."""
    blocked = f"{rig.folder}/blocked"
    os.makedirs(f"{blocked}/shim")
    await rig.nursery.close()
    rig.nursery = Nursery(rig.folder, preamble=_NO_IMPORTS)
    await rig.nursery.start()
    peer = rig.peer(Attach(stdin=True, stdout=True, framed=False, detach_keys=[16, 17]))
    waiting = rig.peer(Attach())
    container = await rig.create(
        ["sh", "-c", "cat; exit 2"],
        attaches=[peer],
        waits=[(Wait(), waiting)],
        tty=True,
        stdin=True,
        log=protocol.LogSpec(max_size=2000, max_files=2),
    )
    await container.start()
    peer.send(b"\xff\xe2\x82<hello>\x01\n" * 100)
    await asyncio.to_thread(peer.read_until, b"hello")
    replayed = await container.attach(rig.peer(Attach(stdout=True, replay=True, framed=False)))
    await asyncio.to_thread(replayed.read_until, b"hello")
    made = await rig.exec(container, ["nope"])
    assert made.born is not None
    assert made.born.kind == "not-found"
    assert container.link is not None
    await container.link.request(protocol.OP_RESIZE, {"height": 2, "width": 3})
    await container.link.request(protocol.OP_REOPEN_LOG)
    peer.send(b"\x04")
    assert (await container.exited()).exit_code == 2
    assert b"StatusCode" in await asyncio.to_thread(waiting.read_all)
    peer.close()
    replayed.close()
    await container.ended()
    assert not os.path.exists(f"{container.state}/{protocol.SHIM_LOG}")


_NO_IMPORTS = """
import os, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if armed: raise AssertionError("imported after the fork: " + name)
armed = False
def arm():
    global armed
    armed = True
sys.meta_path.insert(0, Refuse())
os.register_at_fork(after_in_child=arm)
"""


def runs(pid: str) -> bool:
    """Whether a process is there, and not only the zombie of one whose parent doesn't care."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def children_of(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return file.read().split()
    except OSError:
        return []


@scenario
async def test_nothing_is_imported_by_a_keeper_either(rig: Rig) -> None:
    await rig.nursery.close()
    rig.nursery = Nursery(rig.folder, preamble=_NO_IMPORTS)
    tasks = TaskGroup("test")
    first, second = (Keeper(rig.folder, rig.nursery, tasks) for _ in range(2))
    stays, leaves = rig.peer(Attach()), rig.peer(Attach())
    for peer in (stays, leaves):
        assert await first.keep(peer.theirs.fileno(), b"HEAD", lambda: b"record")
        assert await asyncio.to_thread(peer.read_until, b"HEAD")
        peer.handed()
    leaves.close()
    last = rig.peer(Attach())
    key = await first.keep(last.theirs.fileno(), b"", lambda: b"record")
    assert key
    first.drop(key)
    first.close()
    (kept,) = await second.open()
    second.drop(kept.key)
    os.close(kept.descriptor)
    assert await asyncio.to_thread(stays.read_all) == b""
    second.close()
    await until(lambda: not os.path.exists(f"{rig.folder}/{protocol.KEEPER_SOCKET}"))
    assert not os.path.exists(f"{rig.folder}/keeper-log.json")
    await tasks.close()
