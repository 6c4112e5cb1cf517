"""What a call of the runtime comes to; with real runtimes: tests/shim/test_life.py."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from shim import midwife
from shim.creation import Creation
from shim.folder import start_time
from shim.midwife import Report
from shim.protocol import ProcessSpec
from shim.streams import Streams
from tests.unit.shim.sockets import Bench

START = start_time(os.getpid())


def outcome(bench: Bench, script: str, folder: Path, *, abandoned: bool = False, **options: object) -> Report:
    program = folder / "runtime"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    found: list[Report] = []
    spec = ProcessSpec("id", [str(program)], "/", **options)  # type: ignore[arg-type]  # fields of ProcessSpec
    daemon, asker = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if abandoned:
        daemon.close()
    streams = Streams(bench.loop, None, lambda: None)
    creation = Creation(bench.loop, spec, str(folder), streams, midwife.send, asker.fileno(), found.append)
    with asker, daemon:
        creation.begin()
    status = 0

    def ended() -> bool:
        nonlocal status
        pid, status = os.waitpid(creation.caller, os.WNOHANG)
        return pid != 0

    bench.step(ended)
    creation.ended(status)
    streams.close()
    return found[0]


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        ("echo 4321 > pid", Report(4321, START)),
        ("echo plain words >&2; exit 1", Report(kind="runtime", message="plain words")),
        ("true", Report(kind="runtime", message="the runtime left no pid: [Errno 2] No such file or directory: 'pid'")),
    ],
    ids=["a pid", "plain words", "nothing"],
)
def test_a_runtime_leaves_a_pid_or_a_reason(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, wanted: Report
) -> None:
    monkeypatch.chdir(tmp_path)
    assert outcome(bench, script, tmp_path) == wanted


def test_a_birth_that_nobody_waits_for_any_more_is_none(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = outcome(bench, "touch called", tmp_path, abandoned=True)
    assert not found.pid and "has gone" in found.message
    assert not (tmp_path / "called").exists()
    with pytest.raises(OSError, match="has gone"):
        outcome(bench, "touch called", tmp_path, abandoned=True, exec_id="e")


def test_the_json_log_comes_before_plain_words(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    log = '{"level":"error","msg":"permission denied"}'
    script = f"echo plain >&2; echo '{log}' > runtime-log.json; exit 1"
    assert outcome(bench, script, tmp_path) == Report(kind="not-executable", message="permission denied")


def test_a_runtime_that_is_too_slow_is_killed(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = outcome(bench, "sleep 100", tmp_path, start_timeout=0.05)
    assert found == Report(kind="timeout", message="the runtime did not finish within 0.05 s")


def test_an_execs_runtime_is_called_without_a_child_between_and_held_to_the_same_limit(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert outcome(bench, "echo 4321 > pid", tmp_path, exec_id="e").pid == 4321
    slow = outcome(bench, "sleep 100", tmp_path, exec_id="e", start_timeout=0.05)
    assert slow == Report(kind="timeout", message="the runtime did not finish within 0.05 s")
    assert outcome(bench, "exit 3", tmp_path, exec_id="e").message.endswith("ended with exit code 3")
