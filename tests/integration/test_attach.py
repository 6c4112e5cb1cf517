"""Attach, at the level of bytes."""

from __future__ import annotations

import hashlib
import os
import re
import select
import threading
from typing import Any

import pytest

from tests.calls import Calls, Refused
from tests.engine import Engine, proportional_memory
from tests.waiting import wait_until
from tests.wire import UPGRADE, Wire, frames_of, is_closed, post_json, request, split_streams

pytestmark = [pytest.mark.root, pytest.mark.peer]

OUTPUT: dict[str, Any] = {"stream": 1, "stdout": 1, "stderr": 1}
BOTH: dict[str, Any] = {**OUTPUT, "stdin": 1}
LIMIT = 16


def gated(script: str) -> list[str]:
    """A command that waits for a line of input before it does `script`."""
    return ["sh", "-c", f"read line; {script}"]


def readers(container: str, engine: Calls, count: int) -> list[Wire]:
    return [engine.attach(container, **OUTPUT) for _ in range(count)]


def test_output_from_the_first_byte_when_attached_before_start(engine: Engine, runtime: str) -> None:
    outcome = engine.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (outcome.code, outcome.stdout, outcome.stderr) == (3, b"out\n", b"err\n")


def test_with_upgrade_the_head_is_101_and_names_the_stream(engine: Engine) -> None:
    container = engine.create(["true"])
    with engine.wire() as wire:
        wire.send(request("POST", f"/containers/{container}/attach?stream=1&stdout=1", b"", UPGRADE))
        head = wire.head()
        assert head.status == 101
        assert head.headers["upgrade"] == "tcp"
        assert head.headers["connection"] == "Upgrade"
        if engine.kind == "isula":
            assert head.headers["content-type"] == "application/vnd.docker.multiplexed-stream"


def test_without_upgrade_the_head_is_200_without_length_or_chunks(engine: Engine) -> None:
    container = engine.create(["echo", "hi"])
    with engine.wire() as wire:
        wire.send(request("POST", f"/containers/{container}/attach?stream=1&stdout=1", b""))
        head = wire.head()
        assert head.status == 200
        assert head.headers["content-type"] == "application/vnd.docker.raw-stream"
        assert "transfer-encoding" not in head.headers and "content-length" not in head.headers
        engine.start(container)
        assert split_streams(wire.rest()) == (b"hi\n", b"")


@pytest.mark.ours("20.10 knows one content type only")
def test_the_content_type_follows_the_api_version_and_the_terminal(engine: Engine) -> None:
    plain, terminal = engine.create(["true"]), engine.create(["true"], Tty=True)
    for version, container, expected in (
        ("v1.41", plain, "raw-stream"),
        ("v1.42", plain, "multiplexed-stream"),
        ("v1.50", terminal, "raw-stream"),
    ):
        with engine.wire() as wire:
            wire.send(request("POST", f"/{version}/containers/{container}/attach?stream=1&stdout=1", b"", UPGRADE))
            assert wire.head().headers["content-type"] == f"application/vnd.docker.{expected}"


def test_a_terminal_is_raw_and_has_one_stream(engine: Engine, runtime: str) -> None:
    outcome = engine.run(["sh", "-c", "echo out; echo err >&2; tty"], Tty=True)
    assert re.fullmatch(rb"out\r\nerr\r\n/dev/(pts/0|console)\r\n", outcome.stdout)


def test_stdin_reaches_its_end_and_output_follows(engine: Engine, runtime: str) -> None:
    data = os.urandom(1 << 20)
    outcome = engine.run(["sh", "-c", "sha256sum; echo done >&2"], stdin=data)
    assert outcome.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()
    assert (outcome.code, outcome.stderr) == (0, b"done\n")


@pytest.mark.ours("20.10 loses what comes early")
@pytest.mark.parametrize("upgrade", [True, False])
def test_input_in_the_same_packet_as_the_request_is_not_lost(engine: Engine, runtime: str, upgrade: bool) -> None:
    container = engine.running(["cat"], OpenStdin=True, StdinOnce=True)
    head = request("POST", f"/containers/{container}/attach?stream=1&stdin=1&stdout=1", b"", UPGRADE if upgrade else {})
    early = b"early " * 3000
    with engine.wire() as wire:
        wire.send(head + early)
        wire.send(b"late")
        wire.half_close()
        assert wire.head().status == (101 if upgrade else 200)
        assert split_streams(wire.rest())[0] == early + b"late"


def test_input_sent_before_the_start_arrives(engine: Engine) -> None:
    container = engine.create(["cat"], OpenStdin=True, StdinOnce=True)
    with engine.attach(container, **BOTH) as wire:
        wire.send(b"before ")
        engine.start(container)
        wire.send(b"after")
        wire.half_close()
        assert split_streams(wire.rest())[0] == b"before after"


def test_a_request_in_single_bytes(engine: Engine) -> None:
    container = engine.create(["echo", "hi"])
    with engine.wire() as wire:
        for byte in request("POST", f"/containers/{container}/attach?stream=1&stdout=1", b"", UPGRADE):
            wire.send(bytes([byte]))
        assert wire.head().status == 101
        engine.start(container)
        assert split_streams(wire.rest())[0] == b"hi\n"


def test_only_the_streams_that_were_asked_for(engine: Engine) -> None:
    container = engine.create(gated("echo out; echo err >&2"), OpenStdin=True)
    with (
        engine.attach(container, stream=1, stdout=1, stdin=1) as out,
        engine.attach(container, stream=1, stderr=1) as err,
    ):
        engine.start(container)
        out.send(b"\n")
        assert split_streams(out.rest()) == (b"out\n", b"")
        assert split_streams(err.rest()) == (b"", b"err\n")


@pytest.mark.ours("20.10 lets the order of the two streams differ")
def test_many_clients_see_the_same_bytes_in_the_same_order(engine: Engine, runtime: str) -> None:
    script = "for i in $(seq 400); do echo out $i; echo err $i >&2; done"
    container = engine.create(gated(script), OpenStdin=True)
    wires = readers(container, engine, LIMIT - 1)
    try:
        with engine.attach(container, **BOTH) as first:
            engine.start(container)
            first.send(b"\n")
            streams = [frames_of(wire.rest()) for wire in [first, *wires]]
    finally:
        for wire in wires:
            wire.close()
    # Frames may be cut differently for a slow reader: what counts is the order of bytes with their stream.
    orders = [b"".join(bytes([kind]) * len(data) + data for kind, data in joined(frames)) for frames in streams]
    assert len(set(orders)) == 1
    expected = b"".join(b"out %d\n" % i for i in range(1, 401))
    assert b"".join(data for kind, data in streams[0] if kind == 1) == expected


def joined(frames: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Neighbouring frames of one stream made one."""
    result: list[tuple[int, bytes]] = []
    for kind, data in frames:
        if result and result[-1][0] == kind:
            result[-1] = (kind, result[-1][1] + data)
        else:
            result.append((kind, data))
    return result


@pytest.mark.ours("20.10 has no limit of attaches")
def test_the_seventeenth_client_is_refused_with_the_reason(engine: Engine, runtime: str) -> None:
    container = engine.running(gated("true"), OpenStdin=True)
    wires = readers(container, engine, LIMIT)
    try:
        with pytest.raises(Refused) as caught:
            engine.attach(container, **OUTPUT)
        assert caught.value.reply.status in (409, 503)
        assert str(LIMIT) in caught.value.reply.body.decode()
        wires.pop().close()
        wait_until(lambda: attaches(container, engine), 10, "a place became free")
    finally:
        for wire in wires:
            wire.close()
    assert engine.state(container)["Running"]


def attaches(container: str, engine: Calls) -> bool:
    try:
        engine.attach(container, **OUTPUT).close()
    except Refused:
        return False
    return True


@pytest.mark.ours("the limit is ours")
def test_the_limit_also_holds_for_attaches_before_the_start(engine: Engine) -> None:
    container = engine.create(["sleep", "1000"])
    wires = readers(container, engine, LIMIT)
    try:
        with pytest.raises(Refused):
            engine.attach(container, **OUTPUT)
        engine.start(container)
        assert engine.state(container)["Running"]
        with pytest.raises(Refused):
            engine.attach(container, **OUTPUT)
    finally:
        for wire in wires:
            wire.close()


@pytest.mark.ours("20.10 lets one reader stop the others")
def test_a_client_that_stops_reading_costs_no_memory_and_no_one_elses_bytes(engine: Engine, runtime: str) -> None:
    """It slows the container as a pipe would; when it goes, all the others have every byte."""
    total = 64 << 20
    container = engine.create(gated(f"head -c {total} /dev/zero"), OpenStdin=True, host={"LogConfig": {"Type": "none"}})
    stuck = engine.attach(container, **OUTPUT)
    counts = [0, 0]

    def read(index: int, wire: Wire) -> None:
        counts[index] = sum(len(data) for kind, data in wire.frames())

    wires = readers(container, engine, 1)
    first = engine.attach(container, **BOTH)
    threads = [threading.Thread(target=read, args=pair) for pair in enumerate([first, *wires])]
    try:
        engine.start(container)
        everything = engine.daemon_pids() + shims(engine)
        before = proportional_memory(everything)
        for thread in threads:
            thread.start()
        first.send(b"\n")
        wait_until(lambda: bool(stuck.socket.recv(1, 0x02)), 10, "the first byte is there")
        # The container is held back: its writer sits in a pipe write. Nothing grows meanwhile.
        wait_until(lambda: blocked_in_write(engine.state(container)["Pid"]) or not any_alive(threads), 20)
        assert proportional_memory(everything) - before < 16 << 10
        stuck.close()
        for thread in threads:
            thread.join(60)
        assert counts == [total, total]
    finally:
        stuck.close()
        for wire in [first, *wires]:
            wire.close()


def any_alive(threads: list[threading.Thread]) -> bool:
    return any(thread.is_alive() for thread in threads)


def blocked_in_write(pid: int) -> bool:
    """Whether a child of this process sleeps in a write to a pipe."""
    for child in children(pid):
        try:
            with open(f"/proc/{child}/wchan") as file:
                if "pipe" in file.read():
                    return True
            with open(f"/proc/{child}/syscall") as file:
                if file.read().split()[0] == "1":
                    return True
        except (OSError, IndexError):
            continue
    return False


def children(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [pid, *map(int, file.read().split())]
    except OSError:
        return []


def shims(engine: Engine) -> list[int]:
    """The shims of an engine's containers."""
    found = []
    for folder, _, files in os.walk(engine.state_dir):
        if "shim-pid" in files:
            with open(f"{folder}/shim-pid") as file:
                found.append(int(file.read().split()[0]))
    return found


def test_a_client_that_vanishes_is_dropped_and_nobody_notices(engine: Engine, runtime: str) -> None:
    container = engine.create(gated("for i in $(seq 1000); do echo $i; done"), OpenStdin=True)
    with engine.attach(container, **BOTH) as wire:
        engine.start(container)
        for gone in readers(container, engine, 5):
            gone.close()
        wire.send(b"\n")
        out, _ = split_streams(wire.rest())
    assert out == b"".join(b"%d\n" % i for i in range(1, 1001))
    assert engine.wait(container) == 0


def test_stdin_stays_open_for_the_next_client_without_stdin_once(engine: Engine, runtime: str) -> None:
    container = engine.running(["cat"], OpenStdin=True)
    for word in (b"one\n", b"two\n"):
        with engine.attach(container, **BOTH) as wire:
            wire.send(word)
            assert next(wire.frames()) == (1, word)
    with engine.attach(container, **BOTH) as wire:
        wire.send(b"three\n")
        assert next(wire.frames()) == (1, b"three\n")
    assert engine.state(container)["Running"]


@pytest.mark.ours("20.10 ends the session's output at the end of its input")
def test_output_goes_on_after_half_close_without_stdin_once(engine: Engine) -> None:
    container = engine.running(["sh", "-c", "read a; read b; echo $a $b"], OpenStdin=True)
    with engine.attach(container, **BOTH) as wire:
        wire.send(b"one\n")
        wire.half_close()
        with engine.attach(container, stream=1, stdin=1) as other:
            other.send(b"two\n")
            assert split_streams(wire.rest())[0] == b"one two\n"


def test_input_for_a_closed_stdin_is_read_and_dropped(engine: Engine) -> None:
    container = engine.create(["sh", "-c", "wc -c; echo end"])
    with engine.attach(container, **BOTH) as wire:
        wire.send(b"nobody reads this")
        engine.start(container)
        assert split_streams(wire.rest())[0] == b"0\nend\n"


def test_logs_with_attach_replay_then_follow_without_gap_or_duplicate(engine: Engine, runtime: str) -> None:
    script = "for i in $(seq 300); do echo $i; done; read line; for i in $(seq 301 600); do echo $i; done"
    container = engine.running(["sh", "-c", script], OpenStdin=True)
    wait_until(lambda: engine.logs(container, tail=1).endswith(b"300\n"))
    expected = b"".join(b"%d\n" % i for i in range(1, 601))
    with engine.attach(container, **BOTH, logs=1) as wire:
        wire.send(b"\n")
        assert split_streams(wire.rest())[0] == expected
    with engine.attach(container, logs=1, stdout=1) as wire:
        assert split_streams(wire.rest())[0] == expected


@pytest.mark.ours("20.10 repeats and drops lines")
def test_logs_replay_while_output_flows(engine: Engine) -> None:
    container = engine.running(["sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo $i; done; sleep 1"])
    with engine.attach(container, **OUTPUT, logs=1) as wire:
        numbers = [int(line) for line in split_streams(wire.rest())[0].split()]
    assert numbers == list(range(1, 20001))


def test_logs_without_stream_replays_and_closes(engine: Engine) -> None:
    container = engine.running(["sh", "-c", "echo so far; sleep 1000"])
    wait_until(lambda: b"so far" in engine.logs(container))
    with engine.attach(container, logs=1, stdout=1, stderr=1) as wire:
        assert split_streams(wire.rest())[0] == b"so far\n"


def test_neither_logs_nor_stream_closes_at_once(engine: Engine) -> None:
    container = engine.running()
    with engine.attach(container, stdout=1) as wire:
        assert wire.rest() == b""


def test_detach_keys_end_one_attach_alone(engine: Engine, runtime: str) -> None:
    container = engine.running(["cat"], OpenStdin=True, Tty=True)
    with engine.attach(container, **BOTH) as stays, engine.attach(container, **BOTH) as goes:
        goes.send(b"\x10\x11")
        goes.rest()
        assert not is_closed(stays.socket)
        stays.send(b"still\n")
        stays.until(b"still")
    assert engine.state(container)["Running"]


def test_detach_keys_in_two_packets_and_a_false_start(engine: Engine) -> None:
    container = engine.running(["sh", "-c", "stty raw -echo; echo ready; cat"], OpenStdin=True, Tty=True)
    with engine.attach(container, **BOTH, logs=1) as wire:
        wire.until(b"ready")
        wire.send(b"\x10")
        wire.send(b"x")
        assert b"\x10x" in wire.until(b"x")
        wire.send(b"\x10")
        wire.send(b"\x11")
        wire.rest()
    assert engine.state(container)["Running"]


def test_detach_keys_are_bytes_like_others_without_a_terminal(engine: Engine) -> None:
    assert engine.run(["cat"], stdin=b"a\x10\x11b").stdout == b"a\x10\x11b"


def test_detach_keys_of_the_query(engine: Engine) -> None:
    container = engine.running(["cat"], OpenStdin=True, Tty=True)
    with engine.attach(container, **BOTH, detachKeys="ctrl-a,b") as wire:
        wire.send(b"\x01b")
        wire.rest()
    with pytest.raises(Refused) as caught:
        engine.attach(container, **BOTH, detachKeys="ctrl-!")
    assert caught.value.reply.status == 400
    assert b"Invalid detach keys" in caught.value.reply.body


def test_resize_reaches_the_terminal_and_its_program(engine: Engine, runtime: str) -> None:
    script = "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done"
    container = engine.running(["sh", "-c", script], Tty=True, OpenStdin=True)
    with engine.attach(container, **BOTH, logs=1) as wire:
        wire.until(b"ready")
        for rows, columns in ((31, 101), (32, 102)):
            assert engine.post(f"/containers/{container}/resize", h=rows, w=columns).status == 200
            wire.until(b"%d %d\r\n" % (rows, columns))


@pytest.mark.ours("20.10 does not know ConsoleSize on Linux")
def test_the_console_has_its_size_from_the_first_instruction(engine: Engine, runtime: str) -> None:
    assert engine.run(["stty", "size"], Tty=True, host={"ConsoleSize": [47, 111]}).stdout == b"47 111\r\n"


def test_attach_to_a_paused_or_unknown_container(engine: Engine) -> None:
    with pytest.raises(Refused) as caught:
        engine.attach("nobody-there", **OUTPUT)
    assert caught.value.reply.status == 404
    assert b"No such container: nobody-there" in caught.value.reply.body


def test_attach_to_an_ended_container_shows_its_log_when_asked(engine: Engine) -> None:
    container = engine.running(["echo", "gone"])
    engine.wait(container)
    with engine.attach(container, logs=1, stdout=1, stderr=1) as wire:
        assert split_streams(wire.rest())[0] == b"gone\n"


def test_a_grandchild_that_holds_the_streams_does_not_hold_the_session(engine: Engine) -> None:
    container = engine.create(["sh", "-c", "sleep 30 & echo main"])
    with engine.attach(container, **OUTPUT, timeout=15) as wire:
        engine.start(container)
        assert split_streams(wire.rest())[0] == b"main\n"
    assert engine.wait(container, timeout=15) == 0


def test_the_state_is_final_when_the_stream_has_ended(engine: Engine, runtime: str) -> None:
    for _ in range(20):
        container = engine.create(["sh", "-c", "exit 9"])
        with engine.attach(container, **OUTPUT) as wire:
            engine.start(container)
            wire.rest()
        state = engine.state(container)
        assert (state["Running"], state["ExitCode"]) == (False, 9)


def test_wait_and_stream_of_a_removed_container(engine: Engine, runtime: str) -> None:
    """The order of `docker run --rm`: the wait's result comes although the container is gone."""
    container = engine.create(["sh", "-c", "echo bye; exit 13"], host={"AutoRemove": True})
    with engine.attach(container, **OUTPUT) as wire, engine.wire() as waiter:
        waiter.send(request("POST", f"/containers/{container}/wait?condition=removed", b""))
        assert waiter.head().status == 200
        engine.start(container)
        assert split_streams(wire.rest())[0] == b"bye\n"
        body = b"".join(waiter.chunks())
    assert b'"StatusCode":13' in body.replace(b" ", b"")
    assert engine.ask("GET", f"/containers/{container}/json").status == 404


def test_a_body_sent_with_an_attach_is_ignored(engine: Engine) -> None:
    """dockerode sends its options again as JSON."""
    container = engine.create(["echo", "hi"])
    with engine.hijack(
        post_json(f"/containers/{container}/attach?stream=1&stdout=1", {"stream": True}, UPGRADE)
    ) as wire:
        engine.start(container)
        assert split_streams(wire.rest())[0] == b"hi\n"


@pytest.mark.ours("20.10 writes its head in pieces")
def test_the_first_bytes_are_not_in_the_packet_of_the_head(engine: Engine) -> None:
    """docker-py loses what arrives together with the head."""
    container = engine.running(["sh", "-c", "echo old; sleep 1000"])
    wait_until(lambda: b"old" in engine.logs(container))
    with engine.wire() as wire:
        wire.send(request("POST", f"/containers/{container}/attach?logs=1&stdout=1", b"", UPGRADE))
        select.select([wire.socket], [], [], 10)
        packet = wire.socket.recv(65536)
        assert packet.startswith(b"HTTP/1.1 101") and packet.endswith(b"\r\n\r\n")
        assert split_streams(wire.rest())[0] == b"old\n"
