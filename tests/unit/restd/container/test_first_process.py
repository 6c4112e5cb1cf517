import asyncio
import os
import subprocess

import pytest

from restd.container.first_process import end, gone, has_ended, is_ending, kill, lives
from restd.lib import cgroups
from tests.unit.restd.container.room import PID
from tests.unit.restd.container.sample import ID


def test_a_process_is_seen_to_be_gone() -> None:
    assert asyncio.run(gone(PID, 1.0))
    assert not has_ended(1) and not is_ending(1)
    assert has_ended(PID) and is_ending(PID)
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(gone(1, 60), 0.05))


def test_another_process_with_the_pid_is_left_alone() -> None:
    assert not lives(os.getpid(), ID)
    assert not kill(os.getpid(), ID)
    assert asyncio.run(end(os.getpid(), ID))


def test_no_process_at_all_is_no_error() -> None:
    for pid in (0, PID):
        assert not lives(pid, ID) and not kill(pid, ID)
        assert asyncio.run(end(pid, ID))


def test_the_containers_own_process_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "is_in", lambda pid, name: name == ID)
    with subprocess.Popen(["sleep", "100"]) as process:
        assert lives(process.pid, ID)
        assert asyncio.run(end(process.pid, ID))
        assert process.wait(5) == -9
