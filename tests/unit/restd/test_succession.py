import asyncio
import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from restd import succession
from restd.succession import LOCK_FILE, SOCKET_FILE, StateTaken, Succession, Successor

LIMIT = 20.0


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(LIMIT):
            await scenario()

    asyncio.run(limited())


async def holder(state: Path) -> tuple[Succession, "asyncio.Queue[Successor]"]:
    held = Succession(str(state))
    assert await held.take() == []
    asked: asyncio.Queue[Successor] = asyncio.Queue()
    held.listen(asked.put_nowait)
    return held, asked


def is_locked(state: Path) -> bool:
    with (state / LOCK_FILE).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_the_next_worker_gets_the_clients_and_then_the_state(tmp_path: Path) -> None:
    async def scenario() -> None:
        old, asked = await holder(tmp_path)
        new = Succession(str(tmp_path))
        taking = asyncio.create_task(new.take())
        successor = await asked.get()
        ends = [socket.socketpair() for _ in range(300)]
        for number, (ours, theirs) in enumerate(ends):
            assert await successor.give(theirs.fileno(), b"\n{" * number)
            theirs.close()
            ours.settimeout(5)
        assert not taking.done()
        await old.release()
        assert not is_locked(tmp_path)
        successor.close()
        inherited = await taking
        assert is_locked(tmp_path)
        for number, ((ours, _), client) in enumerate(zip(ends, inherited, strict=True)):
            assert client.data == b"\n{" * number
            os.write(client.descriptor, b"%d" % number)
            os.close(client.descriptor)
            assert ours.recv(16) == b"%d" % number
            ours.close()
        new.listen(asked.put_nowait)
        await new.release()
        assert not (tmp_path / SOCKET_FILE).exists()

    run(scenario)


def test_a_state_folder_with_a_long_name_does(tmp_path: Path) -> None:
    state = tmp_path / ("x" * 120)
    state.mkdir()

    async def scenario() -> None:
        old, asked = await holder(state)
        new = Succession(str(state))
        taking = asyncio.create_task(new.take())
        successor = await asked.get()
        await old.release()
        successor.close()
        await taking
        await new.release()

    run(scenario)


def test_a_holder_that_ends_without_a_word_leaves_the_state_to_who_waits(tmp_path: Path) -> None:
    async def scenario() -> None:
        old = Succession(str(tmp_path))
        await old.take()  # it starts and does not listen yet
        new = Succession(str(tmp_path))
        taking = asyncio.create_task(new.take())
        await asyncio.sleep(0.01)
        assert not taking.done()
        await old.release()
        assert await taking == []
        await new.release()

    run(scenario)


def test_a_successor_that_ends_is_noticed(tmp_path: Path) -> None:
    async def scenario() -> None:
        old, asked = await holder(tmp_path)
        taking = asyncio.create_task(Succession(str(tmp_path)).take())
        successor = await asked.get()
        before = successor.gone
        taking.cancel()
        await asyncio.wait([taking])
        assert (before, successor.gone) == (False, True)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            assert not await successor.give(theirs.fileno(), b"")
        successor.close()
        another = asyncio.create_task(Succession(str(tmp_path)).take())
        successor = await asked.get()
        await old.release()
        successor.close()
        await another

    run(scenario)


def test_only_one_takes_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        old, asked = await holder(tmp_path)
        first = asyncio.create_task(Succession(str(tmp_path)).take())
        successor = await asked.get()
        with pytest.raises(StateTaken, match="another worker is taking over"):
            await Succession(str(tmp_path)).take()
        await old.release()
        successor.close()
        await first

    run(scenario)


STRANGER = """
import asyncio, sys
from restd.succession import Succession
try:
    asyncio.run(Succession(sys.argv[1]).take())
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_worker_of_another_daemon_is_refused_and_told_why(tmp_path: Path) -> None:
    async def scenario() -> None:
        old, asked = await holder(tmp_path)
        command = f'"{sys.executable}" -c "$1" "$2"; true'  # the shell is its master
        arguments = ["sh", "-c", command, "sh", STRANGER, str(tmp_path)]
        done = await asyncio.to_thread(
            subprocess.run, arguments, capture_output=True, text=True, timeout=LIMIT, check=True
        )
        assert done.stdout.startswith("StateTaken"), done
        assert "another daemon" in done.stdout
        assert asked.empty()
        assert is_locked(tmp_path)
        await old.release()

    run(scenario)


def test_a_worker_of_the_new_master_beside_ours_is_heard(tmp_path: Path) -> None:
    async def scenario() -> None:
        old, asked = await holder(tmp_path)
        # Our parent stands for the master, we for the new master that it started.
        new = await asyncio.create_subprocess_exec(sys.executable, "-c", STRANGER, str(tmp_path))
        successor = await asked.get()
        await old.release()
        successor.close()
        assert await new.wait() == 0

    run(scenario)


def test_a_holder_that_neither_speaks_nor_ends_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(succession, "LOCK_SECONDS", 0.02)

    async def scenario() -> None:
        old = Succession(str(tmp_path))
        await old.take()
        with pytest.raises(StateTaken, match="another daemon"):
            await Succession(str(tmp_path)).take()
        await old.release()

    run(scenario)
