"""Containers that an earlier version's shims look after, under the present daemon."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine import REPOSITORY, Engine, Isula, command_line, tree
from tests.waiting import wait_until
from tests.wire import request, split_streams

pytestmark = [pytest.mark.root]

PREVIOUS = Path(REPOSITORY) / "tests/shim/previous"
ECHO = ["sh", "-c", "echo begun; while read x; do echo got $x; done; exit 4"]
STREAMS: dict[str, Any] = {"stream": 1, "stdin": 1, "stdout": 1, "stderr": 1}


@pytest.fixture
def engine(make_engine: Callable[..., Engine], busybox_archive: str) -> Isula:
    """A daemon with the earlier shim."""
    made = make_engine()
    assert isinstance(made, Isula)
    made.program = [sys.executable, str(PREVIOUS / "daemon.py")]
    os.environ["PYTHONPATH"] = REPOSITORY
    try:
        made.start_daemon()
    finally:
        del os.environ["PYTHONPATH"]
    made.load_image(busybox_archive)
    return made


def upgrade(engine: Isula) -> None:
    """The present daemon takes the place of the one with the earlier shim."""
    assert engine.process is not None
    assert any(b"shim.zip" in command_line(pid) for pid in tree(engine.process.pid)), "the earlier shim was in use"
    engine.stop_daemon()
    engine.program = Isula.program
    engine.start_daemon()
    assert engine.process is not None
    assert not any(b"shim.zip" in command_line(pid) for pid in tree(engine.process.pid))


def test_its_streams_log_and_exit_code(engine: Isula) -> None:
    container = engine.running(ECHO, OpenStdin=True)
    pid = engine.state(container)["Pid"]
    with engine.attach(container, **STREAMS) as old, engine.wire() as waiter:
        waiter.send(request("POST", f"/containers/{container}/wait", b""))
        assert waiter.head().status == 200
        upgrade(engine)
        assert engine.state(container)["Pid"] == pid
        with engine.attach(container, **STREAMS) as new:
            new.send(b"one\n")
            for wire in (old, new):
                assert next(wire.frames()) == (1, b"got one\n")
            old.send(b"two\n")
            for wire in (old, new):
                assert next(wire.frames()) == (1, b"got two\n")
            with engine.attach(container, stream=1, logs=1, stdout=1) as replay:
                assert next(replay.frames())[1].startswith(b"begun\n")
            with engine.wire() as follower:
                follower.send(request("GET", f"/containers/{container}/logs?stdout=1&follow=1"))
                assert follower.head().status == 200
                old.send(b"three\n")
                text = b""
                for chunk in follower.chunks():
                    text += chunk
                    if b"got three" in text:
                        break
        engine.post(f"/containers/{container}/kill", signal="KILL")
        assert json.loads(b"".join(waiter.chunks()))["StatusCode"] == 137
    assert engine.wait(container) == 137
    assert split_streams(engine.logs(container))[0] == b"begun\ngot one\ngot two\ngot three\n"
    engine.start(container)
    with engine.attach(container, **STREAMS) as wire:
        wire.send(b"again\n")
        assert next(wire.frames())[1].startswith(b"got again")


def test_its_terminal_execs_stop_and_removal(engine: Isula) -> None:
    container = engine.running(["sh"], OpenStdin=True, Tty=True, host={"AutoRemove": True})
    exec_id = engine.prepare_exec(container, ["sh", "-c", "read x; echo $x; exit 5"], AttachStdin=True)
    with engine.start_exec(exec_id) as running, engine.wire() as waiter:
        waiter.send(request("POST", f"/containers/{container}/wait?condition=removed", b""))
        assert waiter.head().status == 200
        upgrade(engine)
        running.send(b"word\n")
        assert split_streams(running.rest())[0] == b"word\n"
        assert engine.get(f"/exec/{exec_id}/json")["ExitCode"] == 5
        assert engine.exec(container, ["echo", "hi"]).stdout == b"hi\n"
        with engine.attach(container, **STREAMS, detachKeys="ctrl-x") as wire:
            engine.post(f"/containers/{container}/resize", h=33, w=77)
            wire.send(b"stty size\n")
            wire.until(b"33 77")
            wire.send(b"\x18")
            wire.rest()
        engine.post(f"/containers/{container}/pause")
        engine.post(f"/containers/{container}/unpause")
        engine.post(f"/containers/{container}/stop", t=0)
        assert json.loads(b"".join(waiter.chunks()))["StatusCode"] == 137
    wait_until(lambda: engine.ask("GET", f"/containers/{container}/json").status == 404)


def test_its_exit_while_there_is_no_daemon(engine: Isula) -> None:
    container = engine.running(ECHO, OpenStdin=True, StdinOnce=True)
    with engine.attach(container, **STREAMS) as wire:
        engine.kill_daemon()
        wire.send(b"last\n")
        # What it said at its start may come first: the attach races with it.
        assert next(data for _, data in wire.frames() if data != b"begun\n") == b"got last\n"
        wire.half_close()
        wire.rest()
    engine.program = Isula.program
    engine.start_daemon()
    assert engine.wait(container) == 4
    assert split_streams(engine.logs(container))[0] == b"begun\ngot last\n"
