"""Commands in running containers."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from typing import Any

import pytest

from tests.calls import Refused
from tests.engine import Engine
from tests.waiting import wait_until
from tests.wire import UPGRADE, post_json, request, split_streams

pytestmark = [pytest.mark.root, pytest.mark.peer]


def test_output_and_exit_code(engine: Engine, runtime: str) -> None:
    container = engine.running()
    outcome = engine.exec(container, ["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (outcome.code, outcome.stdout, outcome.stderr) == (3, b"out\n", b"err\n")


def test_stdin_and_half_close(engine: Engine, runtime: str) -> None:
    container = engine.running()
    data = os.urandom(1 << 20)
    outcome = engine.exec(container, ["sha256sum"], stdin=data)
    assert outcome.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()


def test_never_empty_and_never_the_wrong_code_right_after_the_end(engine: Engine) -> None:
    container = engine.running()
    for number in range(100):
        outcome = engine.exec(container, ["sh", "-c", f"echo {number}; exit {number % 7}"])
        assert (outcome.code, outcome.stdout) == (number % 7, b"%d\n" % number)


@pytest.mark.ours("20.10 asks for capabilities that the host may lack")
def test_user_environment_workdir_and_privileges(engine: Engine, runtime: str) -> None:
    container = engine.running(Env=["FROM=container", "BOTH=container"], User="daemon", WorkingDir="/tmp")
    script = "id -un; pwd; echo $FROM $BOTH $OWN; grep CapEff /proc/self/status"
    lines = engine.exec(container, ["sh", "-c", script]).stdout.decode().splitlines()
    assert lines[:3] == ["daemon", "/tmp", "container container"]
    assert lines[3].split()[1] == "0000000000000000"
    config: dict[str, Any] = {"User": "0", "WorkingDir": "/etc", "Env": ["OWN=exec", "BOTH=exec"], "Privileged": True}
    lines = engine.exec(container, ["sh", "-c", script], **config).stdout.decode().splitlines()
    assert lines[:3] == ["root", "/etc", "container exec exec"]
    assert int(lines[3].split()[1], 16) & 1 << 21  # CAP_SYS_ADMIN
    assert engine.exec(container, ["id", "-g"], User="33:65534").stdout == b"65534\n"


def test_a_terminal_of_its_own(engine: Engine, runtime: str) -> None:
    container = engine.running()
    outcome = engine.exec(container, ["sh", "-c", "tty; echo err >&2"], Tty=True)
    assert re.fullmatch(rb"/dev/pts/\d+\r\nerr\r\n", outcome.stdout)


def test_resize_before_and_after_the_program_looks(engine: Engine, runtime: str) -> None:
    container = engine.running()
    script = "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done"
    exec_id = engine.prepare_exec(container, ["sh", "-c", script], Tty=True, AttachStdin=True)
    with engine.start_exec(exec_id, Tty=True) as wire:
        wire.until(b"ready")
        assert engine.post(f"/exec/{exec_id}/resize", h=41, w=121).status in (200, 201)
        wire.until(b"41 121\r\n")


@pytest.mark.ours("20.10 does not know ConsoleSize for an exec")
def test_the_console_size_is_there_from_the_start(engine: Engine, runtime: str) -> None:
    container = engine.running()
    # crun has no size for an exec's terminal: it comes from outside, in the first moment.
    script = "stty size" if runtime == "runc" else 'until [ "$(stty size 2>/dev/null)" ]; do :; done; stty size'
    command = ["sh", "-c", script]
    created = engine.prepare_exec(container, command, Tty=True, ConsoleSize=[44, 122])
    with engine.start_exec(created, Tty=True) as wire:
        assert wire.rest() == b"44 122\r\n"
    started = engine.prepare_exec(container, command, Tty=True)
    with engine.start_exec(started, Tty=True, ConsoleSize=[45, 123]) as wire:
        assert wire.rest() == b"45 123\r\n"


def test_detached(engine: Engine, runtime: str) -> None:
    container = engine.running()
    exec_id = engine.prepare_exec(container, ["sh", "-c", "touch /tmp/done; exit 4"])
    reply = engine.post(f"/exec/{exec_id}/start", {"Detach": True})
    assert (reply.status, reply.body) == (200, b"")
    wait_until(lambda: engine.get(f"/exec/{exec_id}/json")["ExitCode"] is not None)
    ended = engine.get(f"/exec/{exec_id}/json")
    assert not ended["Running"]
    assert ended["ExitCode"] == 4
    assert engine.exec(container, ["test", "-e", "/tmp/done"]).code == 0


def test_inspect_shows_the_exec_while_and_after_it_runs(engine: Engine) -> None:
    container = engine.running()
    exec_id = engine.prepare_exec(container, ["sh", "-c", "read x; exit 6"], AttachStdin=True, User="daemon")
    assert engine.inspect(container)["ExecIDs"] in (None, [exec_id])
    before = engine.get(f"/exec/{exec_id}/json")
    assert (before["ID"], before["Running"], before["ExitCode"]) == (exec_id, False, None)
    with engine.start_exec(exec_id) as wire:
        during = wait_until(lambda: (found := engine.get(f"/exec/{exec_id}/json"))["Pid"] and found)
        assert (during["Running"], during["ExitCode"], during["ContainerID"]) == (True, None, container)
        assert during["ProcessConfig"]["entrypoint"] == "sh"
        assert during["ProcessConfig"]["arguments"] == ["-c", "read x; exit 6"]
        assert during["ProcessConfig"]["user"] == "daemon"
        assert (during["OpenStdin"], during["OpenStdout"], during["OpenStderr"]) == (True, True, True)
        assert exec_id in engine.inspect(container)["ExecIDs"]
        wire.send(b"\n")
        wire.rest()
    after = engine.get(f"/exec/{exec_id}/json")
    assert (after["Running"], after["ExitCode"]) == (False, 6)


@pytest.mark.parametrize("upgrade", [True, False])
def test_the_body_split_from_the_head(engine: Engine, runtime: str, upgrade: bool) -> None:
    """Python's http.client sends head and body in two writes."""
    container = engine.running()
    exec_id = engine.prepare_exec(container, ["echo", "hi"])
    whole = post_json(f"/exec/{exec_id}/start", {"Detach": False, "Tty": False}, UPGRADE if upgrade else None)
    head, mark, body = whole.partition(b"\r\n\r\n")
    with engine.wire() as wire:
        wire.send(head + mark)
        engine.get("/version")
        wire.send(body[:5])
        engine.get("/version")
        wire.send(body[5:])
        assert wire.head().status == (101 if upgrade else 200)
        assert split_streams(wire.rest())[0] == b"hi\n"


@pytest.mark.ours("20.10 loses what comes early")
@pytest.mark.parametrize("upgrade", [True, False])
def test_input_in_the_packet_of_the_request_is_not_lost(engine: Engine, runtime: str, upgrade: bool) -> None:
    container = engine.running()
    exec_id = engine.prepare_exec(container, ["cat"], AttachStdin=True)
    early = b"early " * 3000
    with engine.wire() as wire:
        wire.send(post_json(f"/exec/{exec_id}/start", {"Detach": False}, UPGRADE if upgrade else None) + early)
        wire.send(b"late")
        wire.half_close()
        assert wire.head().status == (101 if upgrade else 200)
        assert split_streams(wire.rest())[0] == early + b"late"


def test_a_chunked_body(engine: Engine) -> None:
    container = engine.running()
    exec_id = engine.prepare_exec(container, ["cat"], AttachStdin=True)
    body = json.dumps({"Detach": False}).encode()
    fields = {"Content-Type": "application/json", "Transfer-Encoding": "chunked", **UPGRADE}
    with engine.wire() as wire:
        wire.send(request("POST", f"/exec/{exec_id}/start", b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), fields))
        assert wire.head().status == 101
        wire.send(b"word")
        wire.half_close()
        assert split_streams(wire.rest())[0] == b"word"


@pytest.mark.ours("20.10 says 126 for both, and crun's texts are foreign to it")
def test_what_cannot_run_tells_why_on_the_stream(engine: Engine, runtime: str) -> None:
    container = engine.running()
    for command, code in ((["no-such-command"], 127), (["/etc/passwd"], 126)):
        exec_id = engine.prepare_exec(container, command)
        with engine.start_exec(exec_id) as wire:
            out, _ = split_streams(wire.rest())
        assert command[0].split("/")[-1].encode() in out or b"denied" in out
        assert out.endswith(b"\r\n")
        assert engine.get(f"/exec/{exec_id}/json")["ExitCode"] == code


def test_many_at_once(engine: Engine, runtime: str) -> None:
    container = engine.running()
    ids = [engine.prepare_exec(container, ["sh", "-c", f"sleep 0.2; echo {n}; exit {n}"]) for n in range(12)]
    wires = [engine.start_exec(exec_id) for exec_id in ids]
    for number, (exec_id, wire) in enumerate(zip(ids, wires, strict=True)):
        with wire:
            assert split_streams(wire.rest())[0] == b"%d\n" % number
        assert engine.get(f"/exec/{exec_id}/json")["ExitCode"] == number


def test_a_client_that_leaves_does_not_end_the_command(engine: Engine) -> None:
    container = engine.running()
    exec_id = engine.prepare_exec(container, ["sh", "-c", "echo x; sleep 0.5; echo y; touch /tmp/finished"])
    with engine.start_exec(exec_id) as wire:
        next(wire.frames())
    wait_until(lambda: engine.get(f"/exec/{exec_id}/json")["ExitCode"] is not None)
    assert engine.exec(container, ["test", "-e", "/tmp/finished"]).code == 0


def test_it_ends_with_its_container(engine: Engine, runtime: str) -> None:
    container = engine.running()
    exec_id = engine.prepare_exec(container, ["sleep", "1000"])
    with engine.start_exec(exec_id) as wire:
        wait_until(lambda: engine.get(f"/exec/{exec_id}/json")["Running"])
        begun = time.monotonic()
        engine.post(f"/containers/{container}/kill")
        wire.rest()
        assert time.monotonic() - begun < 8


@pytest.mark.ours("20.10 takes a detached exec for ended")
def test_detach_keys_of_the_create_body(engine: Engine) -> None:
    container = engine.running()
    exec_id = engine.prepare_exec(container, ["cat"], AttachStdin=True, Tty=True, DetachKeys="ctrl-a")
    with engine.start_exec(exec_id, Tty=True) as wire:
        wire.send(b"\x01")
        wire.rest()
    assert engine.get(f"/exec/{exec_id}/json")["Running"]


@pytest.mark.ours("20.10 says 500 for wrong detach keys")
@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"Cmd": []}, 400, "No exec command specified"),
        ({}, 400, "No exec command specified"),
        ({"Cmd": ["true"], "DetachKeys": "ctrl-!"}, 400, "Invalid detach keys"),
    ],
)
def test_a_wrong_create_body(engine: Engine, body: object, status: int, text: str) -> None:
    reply = engine.ask("POST", f"/containers/{engine.running()}/exec", body)
    assert reply.status == status
    assert text.lower() in reply.message.lower()


def test_a_container_that_does_not_run(engine: Engine) -> None:
    container = engine.create(["true"])
    reply = engine.ask("POST", f"/containers/{container}/exec", {"Cmd": ["true"]})
    assert reply.status == 409
    assert "is not running" in reply.message


def test_an_unknown_exec(engine: Engine) -> None:
    for method, path in (
        ("GET", "/exec/nothing/json"),
        ("POST", "/exec/nothing/start"),
        ("POST", "/exec/nothing/resize?h=1&w=1"),
    ):
        reply = engine.ask(method, path, {} if method == "POST" else None)
        assert reply.status == 404, path
        assert "No such exec instance" in reply.message


@pytest.mark.ours("20.10 tells it on the stream")
def test_an_exec_runs_once(engine: Engine) -> None:
    container = engine.running()
    exec_id = engine.prepare_exec(container, ["true"])
    with engine.start_exec(exec_id) as wire:
        wire.rest()
    with pytest.raises(Refused) as caught:
        engine.start_exec(exec_id)
    assert caught.value.reply.status == 409
    assert "already run" in caught.value.reply.message.lower()


@pytest.mark.ours("20.10 reports these on the stream")
def test_an_unknown_user_is_told(engine: Engine, runtime: str) -> None:
    container = engine.running()
    reply = engine.ask("POST", f"/containers/{container}/exec", {"Cmd": ["true"], "User": "stranger"})
    if reply.status == 201:
        with pytest.raises(Refused) as caught:
            engine.start_exec(reply.json()["Id"])
        reply = caught.value.reply
    assert reply.status == 400
    assert "stranger" in reply.message


def test_the_exec_goes_with_its_container(engine: Engine) -> None:
    container = engine.running()
    exec_id = engine.prepare_exec(container, ["true"])
    engine.remove(container)
    assert engine.ask("GET", f"/exec/{exec_id}/json").status == 404
