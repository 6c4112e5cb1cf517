"""The daemon is killed and started again, and again: a client's streams and exit codes go on as if nothing were."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import cli_for
from tests.engine import Engine
from tests.waiting import wait_until
from tests.wire import request, split_streams

pytestmark = [pytest.mark.root]

KILLS = 20
LINES = 4000
# Numbers lines at a thousand a second, echoes what it reads, and ends with 7 when its input has and all is printed.
PROGRAM = f"""
(while read x; do echo "in $x"; done) &
i=0
while [ $i -lt {LINES} ]; do
    n=0
    while [ $n -lt 10 ]; do i=$((i+1)); n=$((n+1)); echo "out $i"; done
    usleep 10000
done
wait
exit 7
"""
# sh takes the input of what it puts in the background away; here it is given back.
SCRIPT = ["sh", "-c", "exec 3<&0; " + PROGRAM.replace(") &", ") <&3 &", 1)]


def killed(engine: Engine, times: int = KILLS) -> Iterator[int]:
    """Kill the daemon and start it again; a number after each time."""
    for number in range(times):
        engine.kill_daemon()
        engine.start_daemon()
        yield number


def numbers(output: bytes, word: bytes) -> list[int]:
    return [int(line.split()[1]) for line in output.splitlines() if line.startswith(word + b" ")]


def test_docker_run_sees_every_line_once_and_the_right_exit_code_over_twenty_kills(
    fresh_engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    engine = fresh_engine
    cli = cli_for(engine, tmp_path_factory)
    alike = engine.running(SCRIPT, OpenStdin=True, StdinOnce=True)
    typing = engine.attach(alike, stream=1, stdin=1)

    client = cli.start("run", "--rm", "-i", "--network", "none", "busybox", *SCRIPT, stdin=subprocess.PIPE)
    assert client.stdin is not None and client.stdout is not None
    seen: list[bytes] = []
    reading = threading.Thread(target=lambda: seen.append(client.stdout.read()))  # type: ignore[union-attr]
    reading.start()
    wait_until(lambda: len(engine.get("/containers/json")) == 2)
    for number in killed(engine):
        client.stdin.write(b"%d\n" % number)
        client.stdin.flush()
        typing.send(b"%d\n" % number)
    client.stdin.close()
    typing.half_close()
    assert client.wait(60) == 7
    reading.join(20)
    client.stdout.close()
    assert client.stderr is not None
    client.stderr.close()
    typing.close()
    assert numbers(seen[0], b"out") == list(range(1, LINES + 1))
    assert numbers(seen[0], b"in") == list(range(KILLS))
    assert engine.wait(alike) == 7
    log = split_streams(engine.logs(alike))[0]
    assert numbers(log, b"out") == list(range(1, LINES + 1))
    assert numbers(log, b"in") == list(range(KILLS))
    wait_until(lambda: len(engine.get("/containers/json", all=1)) == 1, 20, "--rm is carried out")


def test_a_terminal_goes_on_and_takes_a_new_size(
    fresh_engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cli = cli_for(fresh_engine, tmp_path_factory)
    words = ("run", "--rm", "-it", "--network", "none", "busybox", "sh")
    with cli.terminal(*words, rows=30, columns=100) as terminal:
        terminal.type(b"stty size\n")
        terminal.expect("30 100")
        for number in killed(fresh_engine, 5):
            terminal.type(b"echo got $((%d + 100))\n" % number)
            terminal.expect(f"got {number + 100}")
        terminal.resize(40, 120)
        wait_until(lambda: _sized(terminal, "40 120"), 20, "the new size arrives")
        terminal.type(b"exit 7\n")
        assert terminal.wait() == 7


def _sized(terminal: Any, size: str) -> bool:
    terminal.type(b"echo; stty size\n")
    return bool(terminal.expect(r"\n(\d+ \d+)").group(1).decode() == size)


def test_execs_keep_their_streams_and_exit_codes(fresh_engine: Engine) -> None:
    container = fresh_engine.running()
    execs = [
        fresh_engine.prepare_exec(container, ["sh", "-c", f"read x; echo got $x; exit {code}"], AttachStdin=True)
        for code in (1, 2, 3, 4)
    ]
    wires = [fresh_engine.start_exec(key) for key in execs]
    wires[0].send(b"early\n")
    assert split_streams(wires[0].rest())[0] == b"got early\n"
    fresh_engine.kill_daemon()
    wires[1].send(b"meanwhile\n")
    assert split_streams(wires[1].rest())[0] == b"got meanwhile\n"
    fresh_engine.start_daemon()
    for wire in wires[2:]:
        wire.send(b"late\n")
        assert split_streams(wire.rest())[0] == b"got late\n"
    assert [fresh_engine.get(f"/exec/{key}/json")["ExitCode"] for key in execs] == [1, 2, 3, 4]
    for wire in wires:
        wire.close()


def test_a_log_is_taken_up_again_with_since_without_a_gap_or_a_duplicate(fresh_engine: Engine) -> None:
    script = "i=0; while [ $i -lt 600 ]; do i=$((i+1)); echo $i; usleep 5000; done"
    container = fresh_engine.running(["sh", "-c", script])
    lines: list[tuple[str, int]] = []
    for number in range(4):
        query = f"stdout=1&follow=1&timestamps=1{f'&since={lines[-1][0]}' if lines else ''}"
        with fresh_engine.wire() as wire:
            wire.send(request("GET", f"/containers/{container}/logs?{query}"))
            assert wire.head().status == 200
            text = b""
            for chunk in wire.chunks():
                text += chunk
                if number < 3 and len(split_whole(text)) > 50:
                    break
            found = [(line.split()[0].decode(), int(line.split()[1])) for line in split_whole(text)]
        lines += [line for line in found if not lines or line[0] > lines[-1][0]]
        if number < 3:
            fresh_engine.kill_daemon()
            fresh_engine.start_daemon()
    assert [line[1] for line in lines] == list(range(1, 601))


def split_whole(text: bytes) -> list[bytes]:
    """The payloads of the whole frames at the beginning of `text`."""
    found, at = [], 0
    while len(text) >= at + 8 and len(text) >= at + 8 + int.from_bytes(text[at + 4 : at + 8], "big"):
        size = int.from_bytes(text[at + 4 : at + 8], "big")
        found += text[at + 8 : at + 8 + size].splitlines()
        at += 8 + size
    return found


def test_events_are_taken_up_again_with_since(fresh_engine: Engine) -> None:
    container = fresh_engine.create(["true"])
    for number in range(5):
        fresh_engine.post(f"/containers/{container}/rename", name=f"before-{number}")
    first = next(fresh_engine.events(since="1"))
    fresh_engine.stop_daemon()
    fresh_engine.start_daemon()
    for number in range(5):
        fresh_engine.post(f"/containers/{container}/rename", name=f"after-{number}")
    now = fresh_engine.get("/info")["SystemTime"]
    body = fresh_engine.call("GET", f"/events?since={first['time']}&until={now}").body
    names = [json.loads(line)["Actor"]["Attributes"].get("name") for line in body.splitlines() if b'"rename"' in line]
    assert [name.lstrip("/") for name in names] == [f"{when}-{n}" for when in ("before", "after") for n in range(5)]
