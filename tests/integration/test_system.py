"""The daemon itself: its socket, what it says of itself, and how it refuses to start."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.engine import Engine
from tests.leftovers import NETNS
from tests.waiting import wait_until
from tests.wire import request

pytestmark = [pytest.mark.root]


def without_host(engine: Engine) -> list[str]:
    """The command line with the sockets left to daemon.json."""
    command = engine.command()
    at = command.index("--host")
    return command[:at] + command[at + 2 :]


def refused(engine: Engine, *more: str, command: list[str] | None = None) -> str:
    """What the daemon says when it will not start; the exit code is not 0."""
    command = ["nsenter", f"--net={NETNS}/{engine.name}", *(command or engine.command()), *more]
    done = subprocess.run(command, capture_output=True, timeout=20, check=False, cwd=os.getcwd())
    assert done.returncode != 0
    text = (done.stdout + done.stderr).decode()
    assert "Traceback" not in text, text
    return text


@pytest.fixture
def unstarted(make_engine: Callable[..., Engine]) -> Iterator[Engine]:
    yield make_engine()


@pytest.mark.peer
def test_version(engine: Engine) -> None:
    found = engine.get("/version")
    for key in (
        "Version",
        "ApiVersion",
        "MinAPIVersion",
        "GitCommit",
        "GoVersion",
        "Os",
        "Arch",
        "KernelVersion",
        "BuildTime",
    ):
        assert isinstance(found[key], str), key
    assert (found["Os"], found["Arch"]) == ("linux", {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine])
    part = next(part for part in found["Components"] if part["Name"] == "Engine")
    for key in (
        "ApiVersion",
        "MinAPIVersion",
        "GitCommit",
        "GoVersion",
        "Os",
        "Arch",
        "BuildTime",
        "KernelVersion",
        "Experimental",
    ):
        assert isinstance(part["Details"][key], str), key
    if engine.kind == "isula":
        assert (found["ApiVersion"], found["MinAPIVersion"]) == ("1.50", "1.24")


@pytest.mark.peer
def test_info(engine: Engine) -> None:
    before = engine.get("/info")
    engine.running()
    engine.create(["true"])
    found = engine.get("/info")
    assert found["Containers"] == before["Containers"] + 2
    assert found["ContainersRunning"] == before["ContainersRunning"] + 1
    assert found["ContainersStopped"] == before["ContainersStopped"] + 1
    assert found["Images"] == 1
    assert found["DockerRootDir"] == engine.root_dir
    assert (found["Driver"], found["LoggingDriver"], found["OSType"]) == ("overlay2", "json-file", "linux")
    assert found["Architecture"] == os.uname().machine
    assert found["KernelVersion"] == os.uname().release
    assert found["NCPU"] == os.cpu_count() and found["MemTotal"] > 1 << 28
    assert {"runc", "crun"} <= set(found["Runtimes"]) and found["DefaultRuntime"] == "runc"
    assert found["Swarm"]["LocalNodeState"] == "inactive"
    assert all("name=" in option for option in found["SecurityOptions"])
    assert found["CgroupVersion"] in ("1", "2")


def test_the_socket_is_for_its_owner_and_group_alone(engine: Engine) -> None:
    status = os.stat(engine.socket_path)
    assert stat.S_ISSOCK(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o660
    assert status.st_uid == 0


def test_the_group_of_daemon_json(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine({"group": "daemon"})
    engine.start_daemon()
    assert os.stat(engine.socket_path).st_gid == 1


def test_a_group_that_is_missing_is_root_with_a_warning(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine({"group": "no-such-group"})
    engine.start_daemon()
    assert os.stat(engine.socket_path).st_gid == 0
    assert "no-such-group" in engine.log_tail()


def test_data_and_state_are_closed_to_others(engine: Engine) -> None:
    for folder in (engine.root_dir, engine.state_dir):
        assert stat.S_IMODE(os.stat(folder).st_mode) & 0o066 == 0, folder


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"nonsense": 1}', ["nonsense"]),
        ('{"shutdown-timeout": "soon"}', ["shutdown-timeout"]),
        ('{"hosts": ["tcp://0.0.0.0:2375"]}', ["hosts", "tcp://0.0.0.0:2375"]),
        ('{"runtimes": {"x": {}}}', ["runtimes"]),
        ('{"log-level": "loud"}', ["log-level", "loud"]),
        ('{"default-runtime": "hope"}', ["hope"]),
        ("{", ["daemon.json"]),
        ("[]", ["daemon.json"]),
    ],
)
def test_a_bad_daemon_json_is_told_with_key_and_reason(unstarted: Engine, text: str, words: list[str]) -> None:
    with open(unstarted.config_file, "w") as file:
        file.write(text)
    said = refused(unstarted, command=without_host(unstarted))
    assert all(word in said for word in words), said


def test_a_socket_that_is_taken_is_told_and_left_alone(unstarted: Engine) -> None:
    unstarted.start_daemon()
    other = ["--root", f"{unstarted.place}/r2", "--state", f"{unstarted.place}/s2"]
    said = refused(unstarted, *other)
    assert unstarted.socket_path in said
    assert unstarted.ask("GET", "/_ping").status == 200


def test_a_second_daemon_on_the_same_state_is_refused(unstarted: Engine) -> None:
    unstarted.start_daemon()
    said = refused(unstarted, "--host", f"unix://{unstarted.place}/2.sock")
    assert unstarted.state_dir in said or unstarted.root_dir in said or unstarted.socket_path in said
    assert unstarted.ask("GET", "/_ping").status == 200


def test_a_root_that_cannot_be_written_is_told(unstarted: Engine) -> None:
    open(f"{unstarted.place}/file", "w").close()
    said = refused(unstarted, "--root", f"{unstarted.place}/file/r")
    assert f"{unstarted.place}/file/r" in said
    said = refused(unstarted, "--root", "/proc/irt")
    assert "/proc/irt" in said


def test_a_runtime_that_is_missing_is_told(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine({"runtimes": {"mine": {"path": "/no/such/runtime"}}, "default-runtime": "mine"})
    said = refused(engine)
    assert "/no/such/runtime" in said or "mine" in said


def test_a_stale_socket_is_taken_over(unstarted: Engine) -> None:
    unstarted.start_daemon()
    unstarted.kill_daemon()
    assert os.path.exists(unstarted.socket_path)
    unstarted.start_daemon()
    assert unstarted.ask("GET", "/_ping").status == 200


def test_the_socket_goes_with_a_clean_stop(unstarted: Engine) -> None:
    unstarted.start_daemon()
    unstarted.stop_daemon()
    assert not os.path.exists(unstarted.socket_path)


def test_two_hosts_are_both_served(unstarted: Engine) -> None:
    second = f"{unstarted.place}/2.sock"
    unstarted.settings["hosts"] = [f"unix://{unstarted.socket_path}", f"unix://{second}"]
    unstarted.write_settings()
    command = without_host(unstarted)
    unstarted.command = lambda: command  # type: ignore[method-assign]  # the flag would win
    unstarted.start_daemon()
    first, unstarted.socket_path = unstarted.socket_path, second
    assert unstarted.ask("GET", "/_ping").status == 200
    unstarted.socket_path = first


def test_custom_runtimes_of_daemon_json(make_engine: Callable[..., Engine], busybox_archive: str) -> None:
    engine = make_engine({"runtimes": {"own-runc": {"path": "/usr/sbin/runc", "runtimeArgs": ["--debug"]}}})
    engine.start_daemon()
    engine.load_image(busybox_archive)
    assert engine.run(["echo", "hi"], host={"Runtime": "own-runc"}).stdout == b"hi\n"
    assert "own-runc" in engine.get("/info")["Runtimes"]
    engine.remove_all()


def test_two_engines_side_by_side_know_nothing_of_each_other(
    make_engine: Callable[..., Engine], busybox_archive: str
) -> None:
    engines = [make_engine(), make_engine()]
    for engine in engines:
        engine.start_daemon()
        engine.load_image(busybox_archive)
    ids = [engine.running(name="same") for engine in engines]
    for engine, container in zip(engines, ids, strict=True):
        assert [row["Id"] for row in engine.get("/containers/json")] == [container]
    engines[0].remove("same")
    assert engines[1].state("same")["Running"]


@pytest.mark.peer
def test_many_requests_on_one_connection(engine: Engine) -> None:
    with engine.wire() as wire:
        for path in ("/_ping", "/version", "/containers/json", "/nothing", "/info"):
            wire.send(request("GET", path))
            wire.answer()
        wire.send(request("GET", "/_ping") + request("GET", "/version"))
        assert wire.answer().body == b"OK"
        assert "ApiVersion" in wire.answer().json()


def test_expect_100_continue_is_answered_before_the_body(engine: Engine) -> None:
    body = json.dumps(engine.create_body(["true"], None, {})).encode()
    fields = {"Content-Type": "application/json", "Expect": "100-continue"}
    with engine.wire() as wire:
        wire.send(request("POST", "/containers/create", body, fields)[: -len(body)])
        assert wire.head().status == 100
        wire.send(body)
        assert wire.answer().status == 201


def test_a_half_closed_request_is_still_answered(engine: Engine) -> None:
    with engine.wire() as wire:
        wire.send(request("GET", "/version"))
        wire.half_close()
        assert wire.answer().status == 200


def test_events_listener_count_returns_when_listeners_go(engine: Engine) -> None:
    def listeners() -> Any:
        return engine.get("/info")["NEventsListener"]

    before = listeners()
    with engine.wire() as wire:
        wire.send(request("GET", "/events"))
        wire.head()
        assert listeners() == before + 1
    wait_until(lambda: listeners() == before)
