"""The daemon stops, is killed, is replaced: containers, streams and exit codes go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from functools import partial
from typing import Any

import pytest

from tests.engine import Engine, tree
from tests.waiting import wait_until
from tests.wire import Wire, request, split_streams

pytestmark = [pytest.mark.root]

BOTH: dict[str, Any] = {"stream": 1, "stdin": 1, "stdout": 1, "stderr": 1}
WAYS = ["stop", "kill"]


def take_down(engine: Engine, way: str) -> None:
    """End the daemon by SIGTERM or by SIGKILL of all its processes."""
    if way == "stop":
        engine.stop_daemon()
    else:
        engine.kill_daemon()


def processes_of(engine: Engine, container: str) -> int:
    pid = int(engine.state(container)["Pid"])
    assert pid > 0
    return pid


def has_more_than(engine: Engine, count: int) -> bool:
    return len(engine.get("/containers/json", all=1)) > count


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("way", WAYS)
def test_a_running_container_goes_on_and_is_known_again(fresh_engine: Engine, way: str) -> None:
    for name in ("runc", "crun"):
        fresh_engine.running(name=name, host={"Runtime": name}, Labels={"a": "b"})
    before = {name: fresh_engine.inspect(name) for name in ("runc", "crun")}
    take_down(fresh_engine, way)
    for name, found in before.items():
        assert alive(found["State"]["Pid"]), name
    fresh_engine.start_daemon()
    for name, found in before.items():
        assert fresh_engine.inspect(name) == found
        assert fresh_engine.exec(name, ["echo", "hi"]).stdout == b"hi\n"
        fresh_engine.post(f"/containers/{name}/stop", t=0)
        assert fresh_engine.wait(name) == 137


@pytest.mark.parametrize("way", WAYS)
def test_exit_codes_of_what_ended_meanwhile(fresh_engine: Engine, way: str) -> None:
    for code in (0, 3, 200):
        fresh_engine.running(["sh", "-c", f"read x; exit {code}"], name=f"code{code}", OpenStdin=True)
    wires = [fresh_engine.attach(f"code{code}", stream=1, stdin=1) for code in (0, 3, 200)]
    pids = [processes_of(fresh_engine, f"code{code}") for code in (0, 3, 200)]
    take_down(fresh_engine, way)
    for wire in wires:
        wire.send(b"\n")
        wire.close()
    wait_until(lambda: not any(alive(pid) for pid in pids))
    fresh_engine.start_daemon()
    for code in (0, 3, 200):
        state = fresh_engine.state(f"code{code}")
        assert (state["Status"], state["ExitCode"]) == ("exited", code)
        assert state["FinishedAt"] > state["StartedAt"]


@pytest.mark.parametrize("way", WAYS)
def test_an_attached_session_goes_on(fresh_engine: Engine, way: str) -> None:
    container = fresh_engine.running(
        ["sh", "-c", "while read x; do echo got $x; done; exit 4"], OpenStdin=True, StdinOnce=True
    )
    with fresh_engine.attach(container, **BOTH) as wire:
        wire.send(b"one\n")
        assert next(wire.frames()) == (1, b"got one\n")
        take_down(fresh_engine, way)
        wire.send(b"two\n")
        assert next(wire.frames()) == (1, b"got two\n")
        fresh_engine.start_daemon()
        wire.send(b"three\n")
        assert next(wire.frames()) == (1, b"got three\n")
        wire.half_close()
        assert wire.rest() == b""
    assert fresh_engine.wait(container) == 4
    assert split_streams(fresh_engine.logs(container))[0] == b"got one\ngot two\ngot three\n"


@pytest.mark.parametrize("way", WAYS)
def test_a_run_with_rm_keeps_stream_and_exit_code_over_a_dead_daemon(fresh_engine: Engine, way: str) -> None:
    container = fresh_engine.create(
        ["sh", "-c", "read x; echo bye; exit 13"], OpenStdin=True, host={"AutoRemove": True}
    )
    with fresh_engine.attach(container, **BOTH) as wire, fresh_engine.wire() as waiter:
        waiter.send(request("POST", f"/containers/{container}/wait?condition=removed", b""))
        assert waiter.head().status == 200
        fresh_engine.start(container)
        take_down(fresh_engine, way)
        wire.send(b"\n")
        assert split_streams(wire.rest())[0] == b"bye\n"
        fresh_engine.start_daemon()
        assert json.loads(b"".join(waiter.chunks()))["StatusCode"] == 13
    wait_until(lambda: fresh_engine.ask("GET", f"/containers/{container}/json").status == 404)


@pytest.mark.parametrize("way", WAYS)
def test_an_exec_goes_on(fresh_engine: Engine, way: str) -> None:
    container = fresh_engine.running()
    exec_id = fresh_engine.prepare_exec(container, ["sh", "-c", "read x; echo got $x; exit 5"], AttachStdin=True)
    with fresh_engine.start_exec(exec_id) as wire:
        take_down(fresh_engine, way)
        fresh_engine.start_daemon()
        wire.send(b"word\n")
        assert split_streams(wire.rest())[0] == b"got word\n"
    found = fresh_engine.ask("GET", f"/exec/{exec_id}/json")
    assert found.status == 200
    assert (found.json()["Running"], found.json()["ExitCode"]) == (False, 5)


def test_output_while_the_daemon_is_away_is_in_the_log(fresh_engine: Engine) -> None:
    container = fresh_engine.running(["sh", "-c", "read x; seq 50000; exit 2"], OpenStdin=True)
    with fresh_engine.attach(container, stream=1, stdin=1) as stdin:
        pid = processes_of(fresh_engine, container)
        fresh_engine.kill_daemon()
        stdin.send(b"\n")
    wait_until(lambda: not alive(pid), 20)
    fresh_engine.start_daemon()
    assert split_streams(fresh_engine.logs(container))[0].split() == [b"%d" % i for i in range(1, 50001)]
    assert fresh_engine.wait(container) == 2


def test_what_is_left_to_do_for_auto_remove_is_done_at_the_start(fresh_engine: Engine) -> None:
    container = fresh_engine.running(["sleep", "1000"], host={"AutoRemove": True})
    pid = processes_of(fresh_engine, container)
    fresh_engine.kill_daemon()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not alive(pid))
    fresh_engine.start_daemon()
    wait_until(lambda: fresh_engine.ask("GET", f"/containers/{container}/json").status == 404)


def test_created_containers_and_images_are_still_there(fresh_engine: Engine) -> None:
    fresh_engine.create(["sh", "-c", "exit 7"], name="made", Env=["A=1"])
    before = fresh_engine.inspect("made")
    fresh_engine.kill_daemon()
    fresh_engine.start_daemon()
    assert fresh_engine.inspect("made") == before
    fresh_engine.start("made")
    assert fresh_engine.wait("made") == 7
    assert fresh_engine.get("/images/busybox/json")["RepoTags"] == ["busybox:latest"]


def test_kills_of_the_daemon_in_the_middle_of_work_leave_nothing_half_done(fresh_engine: Engine) -> None:
    """Creates, starts and removals are cut at any point; afterwards each container is whole or gone."""
    for number in range(6):
        commands = [
            ["docker", "-H", f"unix://{fresh_engine.socket_path}", "run", "--network", "none", *word]
            for word in (["-d", "busybox", "sleep", "1000"], ["--rm", "busybox", "true"]) * 2
        ]
        clients = [
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for command in commands
        ]
        wait_until(partial(has_more_than, fresh_engine, number % 3), 10)
        fresh_engine.kill_daemon()
        fresh_engine.start_daemon()
        for client in clients:
            client.kill()
            client.wait()
        for row in fresh_engine.get("/containers/json", all=1):
            state = fresh_engine.state(row["Id"])
            assert state["Status"] in ("created", "running", "exited", "removing")
            assert not state["Running"] or alive(state["Pid"])
    fresh_engine.remove_all()


def test_a_reload_replaces_the_worker_and_refuses_no_request(fresh_engine: Engine) -> None:
    container = fresh_engine.running(["sh", "-c", "while read x; do echo got $x; done"], OpenStdin=True)
    assert fresh_engine.process is not None
    master = fresh_engine.process.pid
    workers = set(tree(master)) - {master}
    with fresh_engine.attach(container, **BOTH) as wire:
        fresh_engine.process.send_signal(signal.SIGHUP)
        answered = 0
        while not workers.isdisjoint(tree(master)):
            assert fresh_engine.ask("GET", f"/containers/{container}/json", timeout=20).status == 200
            answered += 1
        assert answered
        wire.send(b"one\n")
        assert next(wire.frames()) == (1, b"got one\n")
    assert fresh_engine.process.poll() is None
    assert fresh_engine.exec(container, ["echo", "hi"]).stdout == b"hi\n"


def test_a_worker_that_dies_is_replaced(fresh_engine: Engine) -> None:
    container = fresh_engine.running()
    assert fresh_engine.process is not None
    worker = tree(fresh_engine.process.pid)[1]
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not alive(worker))
    assert fresh_engine.ask("GET", f"/containers/{container}/json", timeout=20).status == 200
    assert fresh_engine.exec(container, ["echo", "hi"]).stdout == b"hi\n"


def test_followers_and_waiters_are_ended_by_a_stop(fresh_engine: Engine) -> None:
    """A stop is not held up by streams that would never end."""
    container = fresh_engine.running()
    streams: list[Wire] = []
    for head in (
        request("GET", "/events"),
        request("GET", f"/containers/{container}/logs?stdout=1&follow=1"),
        request("POST", f"/containers/{container}/wait", b""),
    ):
        wire = fresh_engine.wire()
        wire.send(head)
        assert wire.head().status == 200
        streams.append(wire)
    fresh_engine.stop_daemon()
    for wire in streams[:2]:
        wire.rest()
    for wire in streams:
        wire.close()
    fresh_engine.start_daemon()
    assert fresh_engine.state(container)["Running"]


def test_a_shim_that_dies_takes_its_container_and_leaves_an_unknown_exit(fresh_engine: Engine) -> None:
    container = fresh_engine.running()
    pid = processes_of(fresh_engine, container)
    with open(f"{fresh_engine.state_dir}/runc/{container}/shim-pid") as file:
        shim = int(file.read().split()[0])
    os.kill(shim, signal.SIGKILL)
    wait_until(lambda: not alive(pid) and not fresh_engine.state(container)["Running"], 20)
    state = fresh_engine.state(container)
    assert state["Status"] == "exited"
    assert state["ExitCode"] != 0
    assert state["Error"]
    fresh_engine.remove(container)


def test_the_daemons_config_of_a_container_that_does_not_parse_is_set_aside(fresh_engine: Engine) -> None:
    good, bad = fresh_engine.create(["true"]), fresh_engine.create(["true"])
    fresh_engine.stop_daemon()
    path = f"{fresh_engine.root_dir}/engines/runc/{bad}/config.v2.json"
    with open(path, "w") as file:
        file.write('{"half": ')
    fresh_engine.start_daemon()
    assert fresh_engine.state(good)["Status"] == "created"
    assert fresh_engine.state(bad)["Status"] == "dead"
    assert fresh_engine.ask("POST", f"/containers/{bad}/start").status == 409
    assert bad in fresh_engine.log_tail()
    kept = [name for name in os.listdir(os.path.dirname(path)) if name.startswith("config.v2.json")]
    assert kept, "nothing is deleted because it could not be read"
    fresh_engine.remove(bad)
    assert fresh_engine.ask("GET", f"/containers/{bad}/json").status == 404
