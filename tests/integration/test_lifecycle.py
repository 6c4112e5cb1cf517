"""Containers from create to removal: states, signals, names, lists."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.calls import Refused
from tests.engine import Engine
from tests.waiting import wait_until
from tests.wire import Reply

pytestmark = [pytest.mark.root, pytest.mark.peer]

NEVER = "0001-01-01T00:00:00Z"
POLITE = ["sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done"]
DEAF = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"]


def ready(engine: Engine, command: list[str], **options: object) -> str:
    """A running container that has said that its trap is set."""
    container = engine.running(command, **options)  # type: ignore[arg-type]  # create's own names
    wait_until(lambda: b"ready" in engine.logs(container))
    return container


def test_states_and_times_of_a_life(engine: Engine, runtime: str) -> None:
    container = engine.create(["sh", "-c", "read x; exit 6"], OpenStdin=True)
    state = engine.state(container)
    assert (state["Status"], state["Running"], state["Pid"], state["ExitCode"]) == ("created", False, 0, 0)
    assert (state["StartedAt"], state["FinishedAt"], state["Error"]) == (NEVER, NEVER, "")
    assert not any(state[word] for word in ("Paused", "Restarting", "OOMKilled", "Dead"))
    engine.start(container)
    state = engine.state(container)
    assert (state["Status"], state["Running"]) == ("running", True)
    assert os.path.exists(f"/proc/{state['Pid']}")
    assert state["StartedAt"] > "2000" and state["FinishedAt"] == NEVER
    with engine.attach(container, stream=1, stdin=1) as wire:
        wire.send(b"\n")
    assert engine.wait(container) == 6
    state = engine.state(container)
    assert (state["Status"], state["Running"], state["Pid"], state["ExitCode"]) == ("exited", False, 0, 6)
    assert NEVER < state["StartedAt"] < state["FinishedAt"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z", state["FinishedAt"])
    engine.remove(container)
    assert engine.ask("GET", f"/containers/{container}/json").status == 404


def test_starting_what_runs_and_stopping_what_does_not_is_not_modified(engine: Engine) -> None:
    container = engine.running()
    reply = engine.ask("POST", f"/containers/{container}/start")
    assert (reply.status, reply.body) == (304, b"")
    engine.post(f"/containers/{container}/stop", t=0)
    assert engine.ask("POST", f"/containers/{container}/stop").status == 304


def test_who_has_heard_the_process_finds_it_running(engine: Engine, runtime: str) -> None:
    """Output may reach a client before the engine has noted the start: the client's next call must not be refused."""
    script = "trap 'exit 6' USR1; echo ready; while :; do sleep 0.05; done"
    calls: list[Callable[[str], Any]] = [
        lambda container: engine.post(f"/containers/{container}/kill", signal="USR1"),
        lambda container: engine.exec(container, ["true"]),
        lambda container: engine.get(f"/containers/{container}/top"),
        lambda container: engine.state(container)["Running"] or pytest.fail("not running"),
        lambda container: engine.post(f"/containers/{container}/stop", t=0),
    ]
    for call in calls * 2:
        container = engine.create(["sh", "-c", script])
        with engine.attach(container) as wire:
            starter = threading.Thread(target=engine.start, args=(container,))
            starter.start()
            assert next(wire.frames()) == (1, b"ready\n")
            call(container)
            starter.join()


def test_a_second_life(engine: Engine, runtime: str) -> None:
    container = engine.running(["sh", "-c", "echo x >> /count; exit $(wc -l < /count)"])
    assert engine.wait(container) == 1
    engine.start(container)
    assert engine.wait(container) == 2


def test_stop_sends_the_signal_then_kills_after_the_time_given(engine: Engine, runtime: str) -> None:
    polite, deaf = ready(engine, POLITE), ready(engine, DEAF)
    engine.post(f"/containers/{polite}/stop")
    assert engine.wait(polite) == 5
    begun = time.monotonic()
    engine.post(f"/containers/{deaf}/stop", t=1)
    assert 0.9 < time.monotonic() - begun < 8
    assert engine.wait(deaf) == 137


def test_stop_timeout_and_signal_of_the_container(engine: Engine) -> None:
    script = "trap 'exit 8' USR2; trap '' TERM; echo ready; while :; do sleep 0.05; done"
    container = ready(engine, ["sh", "-c", script], StopSignal="SIGUSR2")
    engine.post(f"/containers/{container}/stop")
    assert engine.wait(container) == 8
    deaf = ready(engine, DEAF, StopTimeout=1)
    begun = time.monotonic()
    engine.post(f"/containers/{deaf}/stop")
    assert time.monotonic() - begun < 8


@pytest.mark.ours("20.10 does not know the parameter")
def test_stop_with_a_signal_of_the_request(engine: Engine) -> None:
    container = ready(engine, ["sh", "-c", "trap 'exit 12' USR1; echo ready; while :; do sleep 0.05; done"])
    engine.post(f"/containers/{container}/stop", signal="SIGUSR1")
    assert engine.wait(container) == 12


def test_restart_gives_a_new_process(engine: Engine, runtime: str) -> None:
    container = ready(engine, POLITE)
    pid = engine.state(container)["Pid"]
    engine.post(f"/containers/{container}/restart")
    state = engine.state(container)
    assert state["Running"] and state["Pid"] != pid
    ended = engine.running(["true"])
    engine.wait(ended)
    engine.post(f"/containers/{ended}/restart")
    assert engine.wait(ended) == 0


def test_restart_does_not_remove_a_container_that_removes_itself(engine: Engine) -> None:
    container = engine.running(host={"AutoRemove": True})
    engine.post(f"/containers/{container}/restart", t=0)
    assert engine.state(container)["Running"]
    engine.post(f"/containers/{container}/stop", t=0)
    wait_until(lambda: engine.ask("GET", f"/containers/{container}/json").status == 404)


@pytest.mark.parametrize("signal", ["USR1", "SIGUSR1", "sigusr1", "10"])
def test_kill_takes_names_and_numbers(engine: Engine, signal: str) -> None:
    container = ready(engine, ["sh", "-c", "trap 'exit 14' USR1; echo ready; while :; do sleep 0.05; done"])
    engine.post(f"/containers/{container}/kill", signal=signal)
    assert engine.wait(container) == 14


def test_kill_by_default_is_final(engine: Engine, runtime: str) -> None:
    container = ready(engine, DEAF)
    engine.post(f"/containers/{container}/kill")
    assert engine.wait(container) == 137


def test_removal_needs_force_while_it_runs(engine: Engine, runtime: str) -> None:
    container = engine.running()
    reply = engine.ask("DELETE", f"/containers/{container}")
    assert reply.status == 409
    pid = engine.state(container)["Pid"]
    engine.delete(f"/containers/{container}", force="true")
    assert not os.path.exists(f"/proc/{pid}/exe") or "sleep" not in os.readlink(f"/proc/{pid}/exe")
    assert engine.ask("DELETE", f"/containers/{container}").status == 404


def test_a_removed_name_is_free_at_once(engine: Engine) -> None:
    for _ in range(5):
        engine.running(name="again")
        engine.remove("again")


def test_rename(engine: Engine) -> None:
    container = engine.running(name="before")
    engine.create(["true"], name="other")
    engine.post("/containers/before/rename", name="after")
    assert engine.inspect("after")["Name"] == "/after"
    assert engine.inspect("/after".lstrip("/"))["Id"] == container
    assert engine.ask("GET", "/containers/before/json").status == 404
    reply = engine.ask("POST", "/containers/after/rename?name=other")
    assert reply.status == 409
    assert 'The container name "/other" is already in use by container' in reply.message
    engine.create(["true"], name="before")


def test_lookup_by_id_prefix_and_name(engine: Engine) -> None:
    container = engine.create(["true"], name="named")
    for word in (container, container[:12], container[:5], "named"):
        assert engine.inspect(word)["Id"] == container
    hexadecimal = engine.create(["true"], name=container[:6])
    assert engine.inspect(container[:6])["Id"] == hexadecimal
    assert engine.inspect(container[:7])["Id"] == container


@pytest.mark.ours("20.10 says 500")
def test_an_ambiguous_prefix_is_told(engine: Engine) -> None:
    ids: dict[str, str] = {}
    for _ in range(40):
        container = engine.create(["true"])
        if container[0] in ids:
            reply = engine.ask("GET", f"/containers/{container[0]}/json")
            assert reply.status == 400
            assert reply.message == f"multiple IDs found with provided prefix: {container[0]}"
            return
        ids[container[0]] = container
    raise AssertionError("17 ids with different first digits")


def test_generated_names_look_like_dockers(engine: Engine) -> None:
    assert re.fullmatch(r"/[a-z]+_[a-z]+\d*", engine.inspect(engine.create(["true"]))["Name"])


def test_top(engine: Engine, runtime: str) -> None:
    container = engine.running(["sh", "-c", "sleep 1000 & sleep 2000; wait"])
    wait_until(lambda: len(engine.get(f"/containers/{container}/top")["Processes"]) == 3)
    top = engine.get(f"/containers/{container}/top")
    assert {"PID", "CMD"} <= set(top["Titles"])
    assert all(len(row) == len(top["Titles"]) for row in top["Processes"])
    commands = sorted(row[-1] for row in top["Processes"])
    assert commands[0].startswith("sh -c") and commands[1:] == ["sleep 1000", "sleep 2000"]
    top = engine.get(f"/containers/{container}/top", ps_args="-o pid,comm")
    assert top["Titles"] == ["PID", "COMMAND"]
    assert str(engine.state(container)["Pid"]) in [row[0] for row in top["Processes"]]
    ended = engine.create(["true"])
    reply = engine.ask("GET", f"/containers/{ended}/top")
    assert reply.status in (409, 500) and "is not running" in reply.message


def test_a_process_tree_ends_with_its_container(engine: Engine, runtime: str) -> None:
    container = engine.running(["sh", "-c", "sleep 1000 & sleep 1000 & wait"])
    wait_until(lambda: len(engine.get(f"/containers/{container}/top")["Processes"]) == 3)
    rows = engine.get(f"/containers/{container}/top")["Processes"]
    engine.post(f"/containers/{container}/kill")
    engine.wait(container)
    wait_until(lambda: not any(runs(int(row[1])) for row in rows), 5)


def runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_memory_that_runs_out_is_noticed(engine: Engine, runtime: str) -> None:
    limits = {"Memory": 16 << 20, "MemorySwap": 16 << 20}
    container = engine.running(["sh", "-c", "tail /dev/zero; exit $?"], host=limits)
    code = engine.wait(container)
    state = engine.state(container)
    assert code == 137
    assert state["OOMKilled"] is True


def test_list_shows_what_clients_read(engine: Engine) -> None:
    container = engine.running(["sh", "-c", "sleep 1000; echo 'a b'"], name="listed", Labels={"k": "v"})
    (row,) = engine.get("/containers/json")
    assert row["Id"] == container
    assert row["Names"] == ["/listed"]
    assert row["Image"] == "busybox:latest"
    assert row["ImageID"].startswith("sha256:")
    assert row["Command"] == "sh -c 'sleep 1000; echo 'a b''"
    assert abs(row["Created"] - time.time()) < 60
    assert (row["State"], row["Ports"], row["Labels"], row["Mounts"]) == ("running", [], {"k": "v"}, [])
    assert re.fullmatch(r"Up (Less than a|1|\d+) seconds?", row["Status"])
    assert row["HostConfig"]["NetworkMode"] == "none"
    assert "none" in row["NetworkSettings"]["Networks"]
    assert "SizeRw" not in row
    (row,) = engine.get("/containers/json", size=1)
    assert row["SizeRootFs"] > 0


def test_list_with_each_filter(engine: Engine) -> None:
    one = engine.create(["true"], name="alpha", Labels={"a": "1", "b": "x"})
    two = engine.running(["sh", "-c", "exit 3"], name="alphabet", Labels={"a": "2"})
    engine.wait(two)
    three = engine.running(name="gamma")
    image = engine.inspect(three)["Image"]

    def ids(all_of: bool = True, **filters: object) -> list[str]:
        return [row["Id"] for row in engine.get("/containers/json", all=int(all_of), filters=filters)]

    assert ids() == [three, two, one]
    assert ids(all_of=False) == [three]
    assert ids(id=[two[:10]]) == [two]
    assert ids(name=["alpha"]) == [two, one]
    assert ids(name=["^/alpha$"]) == [one]
    assert ids(name=["amm", "habet"]) == [three, two]
    assert ids(label=["a"]) == [two, one]
    assert ids(label=["a=1", "b=x"]) == [one]
    assert ids(label=["a=1", "b=y"]) == []
    assert ids(label={"a=2": True}) == [two]
    assert ids(all_of=False, status=["exited"]) == [two]
    assert ids(status=["created", "running"]) == [three, one]
    assert ids(exited=["3"]) == [two]
    assert ids(exited=["0"]) == []
    assert ids(ancestor=["busybox"]) == [three, two, one]
    assert ids(ancestor=[image[7:19]]) == [three, two, one]
    assert ids(ancestor=["nothing"]) == []
    assert ids(before=["gamma"]) == [two, one]
    assert ids(since=["alpha"]) == [three, two]
    assert ids(network=["none"]) == [three, two, one]
    assert ids(health=["none"]) == [three, two, one]
    assert ids(volume=["/nowhere"]) == []
    assert ids(publish=["80"]) == []
    assert [row["Id"] for row in engine.get("/containers/json", limit=2)] == [three, two]
    assert [row["Id"] for row in engine.get("/containers/json", limit=-1)] == [three]
    assert [row["Id"] for row in engine.get("/containers/json", limit=0)] == [three]


@pytest.mark.parametrize(
    "filters", ['{"nosuch":["1"]}', "[", '{"status":["odd"]}', '{"exited":["x"]}', '{"before":["nobody"]}']
)
def test_list_with_a_wrong_filter(engine: Engine, filters: str) -> None:
    reply = engine.ask("GET", "/containers/json?filters=" + filters.replace('"', "%22").replace("[", "%5B"))
    assert reply.status in (400, 404) if engine.kind == "isula" else reply.status >= 400
    assert reply.message


def test_concurrent_creates_with_one_name(engine: Engine) -> None:
    replies: list[Reply] = []
    body = engine.create_body(["true"], None, {})
    threads = [
        threading.Thread(target=lambda: replies.append(engine.ask("POST", "/containers/create?name=only", body)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(reply.status for reply in replies) == [201] + [409] * 7
    assert len(engine.get("/containers/json", all=1)) == 1


def test_concurrent_starts_stops_and_removals(engine: Engine, runtime: str) -> None:
    container = engine.create(["sleep", "1000"])

    def everyone(method: str, path: str) -> list[int]:
        replies: list[int] = []
        threads = [threading.Thread(target=lambda: replies.append(engine.ask(method, path).status)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return sorted(replies)

    assert everyone("POST", f"/containers/{container}/start") == [204] + [304] * 5
    stops = everyone("POST", f"/containers/{container}/stop?t=0")
    assert 204 in stops and set(stops) <= {204, 304}
    removals = everyone("DELETE", f"/containers/{container}?force=1")
    assert removals.count(204) == 1 and set(removals) <= {204, 404, 409}


def test_twenty_containers_at_once(engine: Engine, runtime: str) -> None:
    codes: dict[int, int | None] = {}

    def one(number: int) -> None:
        outcome = engine.run(["sh", "-c", f"echo {number}; exit {number}"])
        assert outcome.stdout == b"%d\n" % number
        codes[number] = outcome.code

    threads = [threading.Thread(target=one, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert codes == {number: number for number in range(20)}


def test_start_of_what_cannot_run_leaves_it_created(engine: Engine, runtime: str) -> None:
    if engine.kind == "dockerd" and runtime == "crun":
        pytest.skip("dockerd does not know crun's error texts")
    for command, code, words in (
        ("no-such-command", 127, "executable file not found"),
        ("/no/such/path", 127, "no such file or directory"),
        ("/etc/passwd", 126, "permission denied"),
        ("/etc", 126, "permission denied|is a directory"),
    ):
        container = engine.create([command])
        with pytest.raises(Refused) as caught:
            engine.start(container)
        assert caught.value.reply.status == 400, command
        assert re.search(words, caught.value.reply.message.lower()), caught.value.reply.message
        state = engine.state(container)
        assert (state["Status"], state["Running"], state["ExitCode"]) == ("created", False, code)
        assert state["Error"]
        engine.remove(container)


def test_a_failed_start_of_a_container_that_removes_itself_removes_it(engine: Engine) -> None:
    container = engine.create(["no-such-command"], host={"AutoRemove": True})
    assert engine.ask("POST", f"/containers/{container}/start").status == 400
    wait_until(lambda: engine.ask("GET", f"/containers/{container}/json").status == 404)


def test_files_stay_between_lives_and_go_with_the_container(engine: Engine) -> None:
    container = engine.running(["sh", "-c", "echo kept >> /file; cat /file"])
    engine.wait(container)
    engine.start(container)
    engine.wait(container)
    assert b"kept\nkept\n" in engine.logs(container).replace(b"\1\0\0\0\0\0\0\5", b"")
    assert engine.run(["cat", "/file"]).code == 1
