import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest

from restd.lib.processes import ProgramTimeout, run, session_members
from tests.waiting import wait_until


def test_output_errors_and_exit_code_come_back() -> None:
    done = asyncio.run(run(["sh", "-c", "echo out; echo err >&2; exit 3"], 5))
    assert (done.code, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


def test_a_signal_is_a_negative_code() -> None:
    assert asyncio.run(run(["sh", "-c", "kill -9 $$"], 5)).code == -9


def test_input_is_read_to_its_end() -> None:
    assert asyncio.run(run(["cat"], 5, stdin=b"x" * 100_000)).stdout == b"x" * 100_000


def test_more_output_than_the_limit_is_dropped_and_the_program_still_ends() -> None:
    done = asyncio.run(run(["sh", "-c", "head -c 3000000 /dev/zero"], 5, limit=1000))
    assert (done.code, done.stdout) == (0, b"\0" * 1000)


def sleepers() -> int:
    """Children of this process that are, or were, `sleep 100`: zombies count."""
    found = 0
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            found += (Path("/proc", pid, "stat").read_text()).split()[1] == "(sleep)"
    return found


async def reaped() -> None:
    async with asyncio.timeout(10):
        while sleepers():
            await asyncio.sleep(0.005)


def test_a_program_that_takes_too_long_is_killed() -> None:
    async def attempt() -> None:
        with pytest.raises(ProgramTimeout, match="did not end within"):
            await run(["sleep", "100"], 0.1)
        await reaped()

    asyncio.run(attempt())


def test_its_children_are_killed_with_it(tmp_path: Path) -> None:
    async def attempt() -> None:
        with pytest.raises(ProgramTimeout):
            await run(["sh", "-c", f"sleep 100 & echo $! > {tmp_path}/pid; wait"], 0.3)
        child = Path("/proc", (tmp_path / "pid").read_text().strip(), "stat")
        async with asyncio.timeout(10):
            while child.exists() and child.read_text().split()[2] != "Z":
                await asyncio.sleep(0.005)

    asyncio.run(attempt())


def test_a_cancelled_caller_leaves_no_program_behind() -> None:
    async def attempt() -> None:
        task = asyncio.ensure_future(run(["sleep", "100"], 60))
        await asyncio.sleep(0)
        assert sleepers() == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await reaped()

    asyncio.run(attempt())


def test_a_grandchild_that_keeps_the_pipe_open_is_not_waited_for() -> None:
    done = asyncio.run(run(["sh", "-c", "sleep 2 & echo hi"], 1))
    assert done.stdout == b"hi\n"


def test_a_missing_program_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(run(["/nonexistent/program"], 1))


def test_the_daemons_environment_stays_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/x")
    assert b"NOTIFY_SOCKET" not in asyncio.run(run(["env"], 5)).stdout


def test_the_members_of_a_session_its_leader_first() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 100 & sleep 100"], start_new_session=True) as leader:
        wait_until(lambda: len(session_members(leader.pid)) == 3)
        members = session_members(leader.pid)
        assert members[0] == leader.pid
        for pid in members:
            os.kill(pid, signal.SIGKILL)
        leader.wait()
        wait_until(lambda: not session_members(leader.pid))
