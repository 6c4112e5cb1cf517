"""Restart policies: which ends are followed by a start, the pauses, what verbs do meanwhile, what a new daemon does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests import leftovers
from tests.calls import encode
from tests.engine import Engine
from tests.waiting import wait_until
from tests.wire import Wire, request

pytestmark = [pytest.mark.root, pytest.mark.peer]


def policy(name: str, limit: int = 0) -> dict[str, Any]:
    return {"RestartPolicy": {"Name": name, "MaximumRetryCount": limit}}


def count(engine: Engine, container: str) -> int:
    return int(engine.inspect(container)["RestartCount"])


def restarting(engine: Engine, container: str) -> bool:
    return bool(engine.state(container)["Restarting"])


def events_of(engine: Engine, container: str, since: float) -> list[dict[str, Any]]:
    query = {"since": f"{since:.6f}", "until": f"{time.time() + 0.1:.6f}", "filters": {"container": [container]}}
    lines = engine.call("GET", "/events" + encode(query)).body.splitlines()
    return [json.loads(line) for line in lines if line]


def looping(engine: Engine, name: str = "always", after: int = 3, code: int = 3) -> str:
    """A container whose runs end at once, in a pause of 0.8 s or more before its next."""
    container = engine.running(["sh", "-c", f"exit {code}"], host=policy(name))
    wait_until(lambda: count(engine, container) > after, 30)
    wait_until(lambda: restarting(engine, container))
    return container


def waiting(engine: Engine, container: str, condition: str) -> Callable[[], Any]:
    """A wait whose head has come; call it for the body."""
    wire: Wire = engine.wire()
    wire.send(request("POST", f"/containers/{container}/wait?condition={condition}", b""))
    head = wire.head()
    assert head.status == 200

    def result() -> Any:
        with wire:
            return wire.body_of(head).json()

    return result


def test_on_failure_starts_again_as_often_as_allowed(engine: Engine, runtime: str) -> None:
    begun = time.time()
    container = engine.running(["sh", "-c", "echo x; exit 3"], host=policy("on-failure", 2))
    wait_until(lambda: engine.state(container)["Status"] == "exited", 20)
    state = engine.state(container)
    assert (state["ExitCode"], state["Running"], state["Restarting"], count(engine, container)) == (3, False, False, 2)
    assert engine.logs(container, stderr=0).count(b"x\n") == 3
    actions = [event["Action"] for event in events_of(engine, container, begun)]
    assert actions == ["create", *["start", "die"] * 3]


def test_a_success_is_no_failure(engine: Engine) -> None:
    container = engine.running(["true"], host=policy("on-failure"))
    assert engine.wait(container) == 0
    wait_until(lambda: engine.state(container)["Status"] == "exited")
    assert count(engine, container) == 0


def test_pauses_double(engine: Engine, runtime: str) -> None:
    begun = time.time()
    container = engine.running(["true"], host=policy("always"))
    wait_until(lambda: count(engine, container) >= 5 and restarting(engine, container), 30)
    events = events_of(engine, container, begun)
    ends = [event["timeNano"] for event in events if event["Action"] == "die"]
    starts = [event["timeNano"] for event in events if event["Action"] == "start"]
    pauses = [(start - end) / 1e9 for end, start in zip(ends, starts[1:], strict=False)]
    for pause, least in zip(pauses, (0.1, 0.2, 0.4, 0.8), strict=False):
        assert least <= pause < 2.5 * least + 1, pauses


def test_what_clients_see_during_the_pause(engine: Engine) -> None:
    container = looping(engine)
    state = engine.state(container)
    assert (state["Status"], state["Running"], state["Restarting"], state["Pid"]) == ("restarting", True, True, 0)
    assert state["ExitCode"] == 3
    (item,) = engine.get("/containers/json")
    assert item["State"] == "restarting" and item["Status"].startswith("Restarting (3) ")
    assert engine.get("/containers/json", filters={"status": ["restarting"]})[0]["Id"] == container
    assert engine.get("/info")["ContainersRunning"] == 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/start", 304),
        ("POST", "/pause", 409),
        ("GET", "/top", 409),
        ("DELETE", "", 409),
        ("POST", "/attach?stream=1&stdout=1", 409),
    ],
)
def test_verbs_that_have_to_wait_for_the_next_run(engine: Engine, method: str, path: str, status: int) -> None:
    container = looping(engine, after=4)
    reply = engine.ask(method, f"/containers/{container}{path}")
    assert reply.status == status
    if status == 409:
        assert b"restarting" in reply.body
    assert engine.ask("POST", f"/containers/{container}/exec", {"Cmd": ["true"]}).status == 409
    assert restarting(engine, container)


@pytest.mark.parametrize("verb", ["stop", "kill", "kill?signal=HUP"])
def test_stop_and_kill_call_a_pending_restart_off(engine: Engine, verb: str) -> None:
    container = looping(engine, after=4)
    begun, before = time.monotonic(), count(engine, container)
    engine.post(f"/containers/{container}/{verb}")
    assert time.monotonic() - begun < 0.7
    state = engine.state(container)
    assert (state["Status"], state["ExitCode"], count(engine, container)) == ("exited", 3, before)
    engine.start(container)
    wait_until(lambda: 0 < count(engine, container) < before)


def test_a_follower_of_the_log_does_not_wait_for_the_next_run(engine: Engine) -> None:
    container = looping(engine, after=4)
    begun = time.monotonic()
    assert engine.logs(container, follow=1) == b""
    assert time.monotonic() - begun < 1


def test_removal_by_force_during_the_pause(engine: Engine) -> None:
    container = looping(engine)
    gone = waiting(engine, container, "removed")
    engine.delete(f"/containers/{container}", force=1)
    assert gone()["StatusCode"] == 3
    assert engine.ask("GET", f"/containers/{container}/json").status == 404


@pytest.mark.parametrize("condition", ["not-running", "next-exit"])
def test_each_end_answers_those_who_wait(engine: Engine, condition: str) -> None:
    container = engine.running(["sh", "-c", "read x; exit 5"], host=policy("always"), OpenStdin=True)
    first = waiting(engine, container, condition)
    with engine.attach(container, stream=1, stdin=1) as wire:
        wire.send(b"\n")
    assert first()["StatusCode"] == 5
    wait_until(lambda: engine.state(container)["Status"] == "running" and count(engine, container) == 1)


@pytest.mark.parametrize("condition", ["not-running", "next-exit"])
def test_a_wait_during_the_pause_is_for_the_next_end_or_the_stop(engine: Engine, condition: str) -> None:
    container = looping(engine)
    before = count(engine, container)
    assert waiting(engine, container, condition)()["StatusCode"] == 3
    assert count(engine, container) > before
    wait_until(lambda: restarting(engine, container))
    until_stopped = waiting(engine, container, condition)
    engine.post(f"/containers/{container}/stop")
    assert until_stopped()["StatusCode"] == 3


@pytest.mark.parametrize("verb", ["stop?t=0", "kill", "kill?signal=USR1"])
@pytest.mark.parametrize("name", ["always", "unless-stopped", "on-failure"])
def test_what_a_user_ends_stays_ended(engine: Engine, verb: str, name: str) -> None:
    script = "trap 'exit 6' USR1; echo ready; while :; do sleep 0.05; done"
    container = engine.running(["sh", "-c", script], host=policy(name))
    wait_until(lambda: b"ready" in engine.logs(container))
    engine.post(f"/containers/{container}/{verb}")
    wait_until(lambda: engine.state(container)["Status"] == "exited")
    time.sleep(0.3)  # three times the first pause: nothing may follow
    assert engine.state(container)["Status"] == "exited" and count(engine, container) == 0


def test_a_signal_that_ends_nothing_leaves_the_policy_as_it_is(engine: Engine) -> None:
    script = "trap 'echo reloaded' HUP; echo ready; until test -e /go; do sleep 0.05; done; rm /go; exit 4"
    container = engine.running(["sh", "-c", script], host=policy("always"), StopSignal="SIGTERM")
    wait_until(lambda: b"ready" in engine.logs(container))
    engine.post(f"/containers/{container}/kill", signal="HUP")
    wait_until(lambda: b"reloaded" in engine.logs(container))
    engine.exec(container, ["touch", "/go"])
    wait_until(lambda: count(engine, container) == 1)


def test_a_killed_process_is_started_again(engine: Engine, runtime: str) -> None:
    container = engine.running(host=policy("unless-stopped"))
    first = engine.state(container)["Pid"]
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: engine.state(container)["Pid"] not in (0, first))
    assert count(engine, container) == 1 and engine.exec(container, ["echo", "hi"]).stdout == b"hi\n"


def test_restart_begins_a_new_count(engine: Engine) -> None:
    container = looping(engine)
    engine.post(f"/containers/{container}/restart")
    assert count(engine, container) < 3


def test_a_restart_that_fails_is_the_last(engine: Engine, tmp_path: Any) -> None:
    source = str(tmp_path / "source")
    os.mkdir(source)
    mounts = [{"Type": "bind", "Source": source, "Target": "/x"}]
    container = engine.running(["sh", "-c", "exit 5"], host={**policy("always"), "Mounts": mounts})
    wait_until(lambda: count(engine, container) >= 3 and restarting(engine, container), 20)
    os.rmdir(source)
    wait_until(lambda: engine.state(container)["Status"] == "exited", 20)
    state = engine.state(container)
    assert state["ExitCode"] == 5 and source in state["Error"]
    os.mkdir(source)
    engine.start(container)
    wait_until(lambda: count(engine, container) >= 1)


def test_too_little_memory_again_and_again(engine: Engine) -> None:
    greedy = ["sh", "-c", "a=x; while :; do a=$a$a; done"]
    begun = time.time()
    container = engine.running(greedy, host={**policy("on-failure", 1), "Memory": 16 << 20, "MemorySwap": 16 << 20})
    wait_until(lambda: engine.state(container)["Status"] == "exited", 60)
    state = engine.state(container)
    assert (state["ExitCode"], state["OOMKilled"], count(engine, container)) == (137, True, 1)
    actions = [event["Action"] for event in events_of(engine, container, begun)]
    assert actions.count("start") == 2 and actions.count("die") == 2


@pytest.mark.ours("20.10 has no such policy")
def test_on_reboot_starts_what_has_rebooted_itself(engine: Engine) -> None:
    rebooted = engine.running(
        ["sh", "-c", "test -e /again && sleep 1000; touch /again; exit 129"], host=policy("on-reboot")
    )
    ended = engine.running(["sh", "-c", "exit 1"], host=policy("on-reboot"))
    wait_until(lambda: count(engine, rebooted) == 1 and engine.state(rebooted)["Status"] == "running")
    assert engine.state(ended)["Status"] == "exited"


# -- over the daemon's end ---------------------------------------------------------------------------------------------


def stop_or_kill(engine: Engine, way: str) -> None:
    if way == "stop":
        engine.stop_daemon()
    else:
        engine.kill_daemon()


WAYS = [
    pytest.param("stop"),
    pytest.param("kill", marks=pytest.mark.ours("its containerd is still ending when it is to start again")),
]


@pytest.mark.parametrize("way", WAYS)
def test_what_starts_with_the_daemon(fresh_engine: Engine, way: str) -> None:
    engine = fresh_engine
    for name in ("no", "always", "unless-stopped", "on-failure"):
        engine.create(["sleep", "1000"], name=f"{name}-created", host=policy(name))
        engine.running(name=f"{name}-stopped", host=policy(name))
        engine.post(f"/containers/{name}-stopped/stop", t=0)
        engine.running(name=f"{name}-running", host=policy(name))
        engine.running(name=f"{name}-dies", host=policy(name))
    pids = [engine.state(f"{name}-dies")["Pid"] for name in ("no", "always", "unless-stopped", "on-failure")]
    running = {name: engine.state(f"{name}-running")["Pid"] for name in ("no", "always")}
    stop_or_kill(engine, way)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}/exe") for pid in pids))
    engine.start_daemon()
    expected = {
        **{f"{name}-created": "created" for name in ("no", "always", "unless-stopped", "on-failure")},
        **{f"{name}-running": "running" for name in ("no", "always", "unless-stopped", "on-failure")},
        "no-dies": "exited", "always-dies": "running", "unless-stopped-dies": "running", "on-failure-dies": "running",
        "no-stopped": "exited", "always-stopped": "running", "unless-stopped-stopped": "exited",
    }  # fmt: skip

    def found() -> dict[str, str]:
        items = engine.get("/containers/json", all=1)
        return {item["Names"][0][1:]: item["State"] for item in items if item["Names"][0] != "/on-failure-stopped"}

    wait_until(lambda: found() == expected, 20, "everything as the policies want it")
    assert {name: engine.state(f"{name}-running")["Pid"] for name in running} == running
    if engine.kind == "isula":  # Docker starts it, against its own manual
        assert engine.state("on-failure-stopped")["Status"] == "exited"


@pytest.mark.parametrize("way", ["stop", "kill"])
@pytest.mark.ours("it begins counting anew")
def test_a_pending_restart_is_taken_up_by_the_next_daemon(fresh_engine: Engine, way: str) -> None:
    container = looping(fresh_engine, after=4)
    before = count(fresh_engine, container)
    stop_or_kill(fresh_engine, way)
    fresh_engine.start_daemon()
    assert count(fresh_engine, container) >= before
    wait_until(lambda: count(fresh_engine, container) > before, 20)


@pytest.mark.ours("it counts kills of its own kind")
def test_a_stop_that_the_daemon_did_not_see_the_end_of_counts(fresh_engine: Engine) -> None:
    script = "trap 'sleep 1; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    container = fresh_engine.running(["sh", "-c", script], host=policy("always"))
    wait_until(lambda: b"ready" in fresh_engine.logs(container))
    pid = fresh_engine.state(container)["Pid"]
    fresh_engine.post(f"/containers/{container}/kill", signal="TERM")
    fresh_engine.kill_daemon()
    wait_until(lambda: not os.path.exists(f"/proc/{pid}/exe"))
    fresh_engine.start_daemon()
    # It does start, as a container of `always` that had been stopped: a start with the daemon, not a restart.
    wait_until(lambda: fresh_engine.state(container)["Status"] == "running")
    assert count(fresh_engine, container) == 0


@pytest.mark.ours("its shims survive the removal of its state")
def test_after_a_reboot_of_the_host(fresh_engine: Engine) -> None:
    """A reboot as the engine sees it: no process is left, and the run-time state is empty."""
    engine = fresh_engine
    for name in ("no", "always", "unless-stopped", "on-reboot"):
        engine.running(name=name, host=policy(name))
    donor = engine.running(name="donor", host=policy("always"))
    engine.running(name="joiner", host={**policy("always"), "IpcMode": "none", "NetworkMode": f"container:{donor}"})
    engine.running(name="stopped", host=policy("unless-stopped"))
    engine.post("/containers/stopped/stop", t=0)
    loop = looping(engine)
    reboot(engine)
    begun = time.monotonic()
    engine.start_daemon()
    assert time.monotonic() - begun < 5
    for name in ("always", "unless-stopped", "on-reboot", "donor", "joiner"):
        wait_until(lambda name=name: engine.state(name)["Status"] == "running", 20, name)  # type: ignore[misc]
        assert engine.exec(name, ["echo", name]).stdout.decode().strip() == name
    assert engine.state("no")["Status"] == "exited" and engine.state("no")["ExitCode"] == 255
    assert engine.state("stopped")["Status"] == "exited"
    wait_until(lambda: count(engine, loop) > 4, 20)


def reboot(engine: Engine) -> None:
    """Everything that a reboot takes: processes, mounts, cgroups, the state folder."""
    engine.kill_daemon()

    def cleared() -> bool:
        found = [left for left in leftovers.find(engine.name) if left.kind in ("process", "mount", "cgroup")]
        leftovers.clear(found)
        return not found

    wait_until(cleared)
    shutil.rmtree(engine.state_dir)


def test_a_good_run_ends_the_long_pauses(engine: Engine) -> None:
    """After ten seconds of running the pause is a tenth of a second again."""
    script = "n=$(cat /n 2>/dev/null || echo 0); echo $((n+1)) > /n; [ $n = 5 ] && sleep 10.3; exit 1"
    begun = time.time()
    container = engine.running(["sh", "-c", script], host=policy("always"))
    wait_until(lambda: count(engine, container) == 6, 40)
    events = events_of(engine, container, begun)
    (*_, start) = [event["timeNano"] for event in events if event["Action"] == "start"]
    ends = [event["timeNano"] for event in events if event["Action"] == "die" and event["timeNano"] < start]
    assert (start - ends[-1]) / 1e9 < 2.5, "the pause after a good run, and not 3.2 s"
