"""The runtime's command line, and what its words mean."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from shim import process, protocol
from shim.protocol import ProcessSpec


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ('unable to start container process: exec: "nope": executable file not found in $PATH', "not-found"),
        ('exec: "/nope": stat /nope: no such file or directory', "not-found"),
        ("executable file `nope` not found in $PATH: No such file or directory", "not-found"),
        ("executable file `nope` not found", "not-found"),
        ('exec: "/etc": permission denied', "not-executable"),
        ("open executable: Permission denied", "not-executable"),
        ('exec: "/etc": is a directory', "not-executable"),
        ("exec /x: exec format error", "not-executable"),
        ("cgroup: cannot allocate memory", "runtime"),
    ],
)  # fmt: skip
def test_runcs_and_cruns_words_have_a_kind(message: str, kind: str) -> None:
    assert process.error_kind(message) == kind


def test_the_exit_code_of_a_failed_start_is_dockers() -> None:
    assert [process.exit_code_of(kind) for kind in ("not-found", "not-executable", "timeout")] == [127, 126, 128]


def test_create_and_exec_are_called_with_absolute_paths() -> None:
    create = process.arguments(ProcessSpec("id", ["runc", "--root", "/r"], "/b", tty=True), "/s", 7)
    assert create[:3] == ["runc", "--root", "/r"]
    assert create[create.index("create") :] == [
        "create", "--bundle", "/b", "--pid-file", "/s/pid", "--console-socket", "/proc/7/cwd/console.sock", "id",
    ]  # fmt: skip
    started = process.arguments(ProcessSpec("id", ["runc"], "/b", start=True), "/s", 7)
    assert started[started.index("run") :] == ["run", "--detach", "--bundle", "/b", "--pid-file", "/s/pid", "id"]
    run = process.arguments(ProcessSpec("id", ["runc"], "", exec_id="e"), "/s", 7)
    assert run[run.index("exec") :] == [
        "exec", "--process", "/s/exec-process.json", "--detach", "--pid-file", "/s/pid", "id",
    ]  # fmt: skip


def test_an_execs_process_has_its_terminal_and_its_size() -> None:
    spec = ProcessSpec("id", ["runc"], "", exec_id="e", process={"args": ["x"]}, tty=True, console_size=[3, 4])
    document = json.loads(process.process_document(spec))
    assert document == {"args": ["x"], "terminal": True, "consoleSize": {"height": 3, "width": 4}}


def test_the_last_error_of_the_runtimes_log_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert process.runtime_error() == ""
    (tmp_path / protocol.RUNTIME_LOG).write_text(
        '{"level":"error","msg":"first"}\nrubbish\n{"level":"error","msg":"last"}\n{"level":"info","msg":"after"}\n'
    )
    assert process.runtime_error() == "last"


def test_a_spawned_program_has_its_own_group_and_default_signals() -> None:
    reader, writer = os.pipe()
    null = os.open("/dev/null", os.O_RDWR)
    pid = process.spawn(["sh", "-c", "kill -PIPE $$; echo alive"], process.Stdio(null, writer, null))
    os.close(writer)
    os.close(null)
    assert os.waitpid(pid, 0)[1] == 13, "SIGPIPE is not ignored"
    assert os.read(reader, 10) == b""
    os.close(reader)
