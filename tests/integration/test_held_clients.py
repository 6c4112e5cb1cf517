"""Clients that attach and wait before a start are connected by it, whatever happens to the daemon in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests import leftovers
from tests.calls import encode
from tests.docker_cli import DOCKER
from tests.engine import Engine, tree
from tests.waiting import wait_until
from tests.wire import UPGRADE, Wire, request, split_streams

pytestmark = [pytest.mark.root]

BOTH: dict[str, Any] = {"stream": 1, "stdin": 1, "stdout": 1, "stderr": 1}


def restart(engine: Engine) -> None:
    engine.stop_daemon()
    engine.start_daemon()


def kill_all_and_start(engine: Engine) -> None:
    engine.kill_daemon()
    engine.start_daemon()


def kill_worker(engine: Engine) -> None:
    worker = workers(engine)[0]
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: worker not in tree(master(engine)))
    wait_until(engine.answers, 20)


def reload(engine: Engine) -> None:
    before = workers(engine)
    os.kill(master(engine), signal.SIGHUP)
    wait_until(lambda: not set(before) & set(tree(master(engine))), 20)
    wait_until(engine.answers, 20)


WAYS = [restart, kill_all_and_start, kill_worker, reload]
way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


def master(engine: Engine) -> int:
    assert engine.process is not None
    return engine.process.pid


def workers(engine: Engine) -> list[int]:
    """The worker, and what it has started."""
    return tree(master(engine))[1:]


def keepers(engine: Engine) -> list[int]:
    """Processes that keep connections for this engine."""
    pids = [left.pid for left in leftovers.find(engine.name) if left.kind == "process"]
    return [pid for pid in pids if leftovers.read(f"/proc/{pid}/cmdline").startswith(b"isula-rest-keeper")]


@contextmanager
def waiting(engine: Engine, container: str, condition: str = "next-exit") -> Iterator[Wire]:
    """A wait whose head has come."""
    with engine.wire() as wire:
        wire.send(request("POST", f"/containers/{container}/wait?condition={condition}", b""))
        assert wire.head().status == 200
        yield wire


def code(wire: Wire) -> int:
    """The exit code in a wait's body; the connection ends behind it."""
    found = json.loads(b"".join(wire.chunks()))["StatusCode"]
    assert wire.rest() == b""
    return int(found)


@way
def test_a_start_after_a_restart_connects_them(fresh_engine: Engine, way: Callable[[Engine], None]) -> None:
    container = fresh_engine.create(
        ["sh", "-c", "echo begun; cat; echo ended >&2; exit 9"], OpenStdin=True, StdinOnce=True
    )
    with fresh_engine.attach(container, **BOTH) as wire, waiting(fresh_engine, container) as waiter:
        wire.send(b"typed before\n")
        way(fresh_engine)
        assert fresh_engine.state(container)["Status"] == "created"
        wire.send(b"typed after\n")
        fresh_engine.start(container)
        wire.half_close()
        assert split_streams(wire.rest()) == (b"begun\ntyped before\ntyped after\n", b"ended\n")
        assert code(waiter) == 9


@way
def test_a_terminal_and_bytes_that_came_with_the_request(fresh_engine: Engine, way: Callable[[Engine], None]) -> None:
    container = fresh_engine.create(["sh", "-c", "read x; echo got $x; exit 3"], OpenStdin=True, Tty=True)
    with fresh_engine.wire() as wire, waiting(fresh_engine, container, "removed") as waiter:
        wire.send(request("POST", f"/containers/{container}/attach" + encode(BOTH), b"", UPGRADE) + b"early\n")
        assert wire.head().status == 101
        way(fresh_engine)
        fresh_engine.start(container)
        assert wire.rest().replace(b"\r", b"").endswith(b"got early\n")
        fresh_engine.remove(container)
        assert code(waiter) == 3


def test_restarts_one_behind_the_other(fresh_engine: Engine) -> None:
    container = fresh_engine.create(["sh", "-c", "echo hi; exit 4"], host={"AutoRemove": True})
    with fresh_engine.attach(container) as wire, waiting(fresh_engine, container, "removed") as waiter:
        for one in (*WAYS, kill_worker):
            one(fresh_engine)
        fresh_engine.start(container)
        assert split_streams(wire.rest())[0] == b"hi\n"
        assert code(waiter) == 4


@way
def test_the_next_run_of_a_container_that_has_ended(fresh_engine: Engine, way: Callable[[Engine], None]) -> None:
    container = fresh_engine.running(["sh", "-c", "echo hi; exit 6"])
    fresh_engine.wait(container)
    with fresh_engine.attach(container) as wire, waiting(fresh_engine, container) as waiter:
        way(fresh_engine)
        fresh_engine.start(container)
        assert split_streams(wire.rest())[0] == b"hi\n"
        assert code(waiter) == 6


@way
def test_a_removal_ends_them(fresh_engine: Engine, way: Callable[[Engine], None]) -> None:
    ended = fresh_engine.running(["sh", "-c", "exit 6"])
    fresh_engine.wait(ended)
    for container, expected in ((fresh_engine.create(["true"]), 0), (ended, 6)):
        with fresh_engine.attach(container) as wire, waiting(fresh_engine, container) as waiter:
            way(fresh_engine)
            fresh_engine.remove(container)
            assert code(waiter) == expected
            assert wire.rest() == b""


def test_a_start_that_fails_ends_streams_after_a_restart_too(fresh_engine: Engine) -> None:
    container = fresh_engine.create(["/no/such/program"])
    with fresh_engine.attach(container) as wire:
        kill_worker(fresh_engine)
        assert fresh_engine.ask("POST", f"/containers/{container}/start").status == 400
        assert wire.rest() == b""


def test_whoever_leaves_meanwhile_is_forgotten_and_nothing_stays(fresh_engine: Engine) -> None:
    container = fresh_engine.create(["true"])
    with fresh_engine.attach(container), waiting(fresh_engine, container):
        fresh_engine.kill_daemon()
        assert keepers(fresh_engine)
    wait_until(lambda: not keepers(fresh_engine))
    fresh_engine.start_daemon()
    with fresh_engine.attach(container) as wire:
        fresh_engine.start(container)
        assert wire.rest() == b""
    assert fresh_engine.wait(container) == 0


def test_a_keeper_that_dies_loses_nothing(fresh_engine: Engine) -> None:
    container = fresh_engine.create(["sh", "-c", "echo hi; exit 5"])
    with fresh_engine.attach(container) as wire, waiting(fresh_engine, container) as waiter:
        (keeper,) = wait_until(lambda: keepers(fresh_engine))
        os.kill(keeper, signal.SIGKILL)
        wait_until(lambda: keepers(fresh_engine) not in ([], [keeper]))
        kill_all_and_start(fresh_engine)
        fresh_engine.start(container)
        assert split_streams(wire.rest())[0] == b"hi\n"
        assert code(waiter) == 5


def test_all_that_may_be_held(fresh_engine: Engine) -> None:
    """As many attaches as a container takes, and more waits than fit into a packet or two."""
    container = fresh_engine.create(["sh", "-c", "echo hi; exit 5"])
    streams = [fresh_engine.attach(container) for _ in range(16)]
    waits = [fresh_engine.wire() for _ in range(200)]
    for wire in waits:
        wire.send(request("POST", f"/containers/{container}/wait?condition=next-exit", b""))
        assert wire.head().status == 200
    kill_all_and_start(fresh_engine)
    assert fresh_engine.ask("POST", f"/containers/{container}/attach?stream=1").status == 409
    fresh_engine.start(container)
    for wire in streams:
        assert split_streams(wire.rest())[0] == b"hi\n"
        wire.close()
    for wire in waits:
        assert code(wire) == 5
        wire.close()


def test_docker_run_does_not_notice_reloads(fresh_engine: Engine) -> None:
    """`docker run` again and again, while the worker is replaced again and again."""
    if not DOCKER:
        pytest.skip("no docker command")
    done = threading.Event()

    def reloads() -> None:
        while not done.is_set():
            reload(fresh_engine)

    thread = threading.Thread(target=reloads)
    thread.start()
    try:
        for _ in range(10):
            command = [DOCKER, "-H", f"unix://{fresh_engine.socket_path}", "run", "--rm", "--network", "none"]
            ran = subprocess.run(
                [*command, "busybox", "sh", "-c", "echo hi; exit 3"], capture_output=True, timeout=60, check=False
            )
            assert (ran.returncode, ran.stdout, ran.stderr) == (3, b"hi\n", b"")
    finally:
        done.set()
        thread.join()


def test_a_daemon_that_dies_in_the_middle_of_a_start(make_engine: Callable[..., Engine], busybox_archive: str) -> None:
    """The start is undone, the clients stay for the next one."""
    engine = make_engine({})
    begun, go = f"{engine.place}/begun", f"{engine.place}/go"
    script = f"{engine.place}/slow"
    with open(script, "w") as file:
        file.write(
            f'#!/bin/sh\ncase " $* " in *" create "*) : >{begun}; until [ -e {go} ]; do sleep 0.02; done; esac\n'
            'exec runc "$@"\n'
        )
    os.chmod(script, 0o755)
    engine.settings["runtimes"] = {"slow": {"path": script}}
    engine.write_settings()
    engine.start_daemon()
    engine.load_image(busybox_archive)
    for way in (kill_worker, kill_all_and_start):
        container = engine.create(["sh", "-c", "echo hi; exit 5"], host={"Runtime": "slow"})
        with engine.attach(container) as wire, waiting(engine, container) as waiter, engine.wire() as starter:
            starter.send(request("POST", f"/containers/{container}/start", b""))
            wait_until(lambda: os.path.exists(begun))
            way(engine)
            assert engine.state(container)["Status"] == "created"
            with open(go, "w"):
                pass
            engine.start(container)
            assert split_streams(wire.rest())[0] == b"hi\n"
            assert code(waiter) == 5
        os.unlink(begun)
        os.unlink(go)
