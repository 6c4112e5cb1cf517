"""The call of the OCI runtime that makes the container or the exec, and what its files say afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from dataclasses import dataclass

from shim.folder import read_text
from shim.protocol import PID_FILE, RUNTIME_LOG, ProcessSpec

PROCESS_JSON = "exec-process.json"
CONSOLE_SOCKET = "console.sock"
_LOG_TAIL = 64 << 10
_NOT_FOUND = ("executable file not found", "no such file or directory", "system cannot find the file specified")
_NOT_EXECUTABLE = ("permission denied", "is a directory", "exec format error", "not a directory")
_RESET = [
    signal.SIGPIPE,
    signal.SIGXFSZ,
    signal.SIGCHLD,
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
]


@dataclass(frozen=True)
class Stdio:
    """The ends of the container's stdio that the runtime inherits; `null` where there is none."""

    stdin: int
    stdout: int
    stderr: int


def arguments(spec: ProcessSpec, state: str, pid: int) -> list[str]:
    """The runtime's argument vector. `pid` is the shim's own: socket paths go through its descriptor table.

    A unix socket's path is 107 bytes at most, and STATE/RUNTIME/ID/exec/ID is longer.
    """
    argv = [*spec.runtime, "--log", f"{state}/{RUNTIME_LOG}", "--log-format", "json"]
    pid_file = ["--pid-file", f"{state}/{PID_FILE}"]
    console = ["--console-socket", f"/proc/{pid}/cwd/{CONSOLE_SOCKET}"] if spec.tty else []
    if spec.exec_id:
        return [*argv, "exec", "--process", f"{state}/{PROCESS_JSON}", "--detach", *pid_file, *console, spec.id]
    verb = ["run", "--detach"] if spec.start else ["create"]
    return [*argv, *verb, "--bundle", spec.bundle, *pid_file, *console, spec.id]


def process_document(spec: ProcessSpec) -> bytes:
    """The OCI `process` of an exec, with the terminal's first size."""
    process = dict(spec.process or {})
    process["terminal"] = spec.tty
    if spec.tty and any(spec.console_size):
        process["consoleSize"] = {"height": spec.console_size[0], "width": spec.console_size[1]}
    return json.dumps(process, separators=(",", ":")).encode()


def spawn(argv: list[str], stdio: Stdio) -> int:
    """Start the runtime in a process group of its own with default signals; its pid. OSError if it can't be run."""
    actions = [
        (os.POSIX_SPAWN_DUP2, stdio.stdin, 0),
        (os.POSIX_SPAWN_DUP2, stdio.stdout, 1),
        (os.POSIX_SPAWN_DUP2, stdio.stderr, 2),
    ]
    return os.posix_spawnp(
        argv[0], argv, os.environ, file_actions=actions, setpgroup=0, setsigmask=[], setsigdef=_RESET
    )


def kill_group(pid: int) -> None:
    """Kill a runtime that takes too long, with all that it has started in its group."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def kill_with_group(pid: int) -> None:
    """Kill an exec's process, which has not been reaped, and its children.

    Runtimes give an exec a session, but the process need not lead it (crun forks once more): the group is asked for.
    """
    with contextlib.suppress(ProcessLookupError):
        group = os.getpgid(pid)
        if group not in (0, os.getpgrp()):
            os.killpg(group, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def kill_children() -> None:
    """Kill and reap every child: after a failed start there must be none (the shim is a subreaper)."""
    own = os.getpid()
    with contextlib.suppress(OSError, ValueError, ChildProcessError):
        while children := read_text(f"/proc/{own}/task/{own}/children").split():
            for child in children:
                os.kill(int(child), signal.SIGKILL)
            os.waitpid(-1, 0)


def listen_for_console() -> socket.socket:
    """The console socket, bound in the working directory (the shim's folder)."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(CONSOLE_SOCKET)
    listener.bind(CONSOLE_SOCKET)
    os.chmod(CONSOLE_SOCKET, 0o600)
    listener.listen(1)
    return listener


def receive_master(connection: socket.socket) -> int:
    """The master of the terminal, as the runtime sends it: one descriptor. ValueError if it sends something else."""
    _, descriptors, _, _ = socket.recv_fds(connection, 4096, 4, socket.MSG_CMSG_CLOEXEC)
    if not descriptors:
        raise ValueError("the runtime sent no terminal")
    for extra in descriptors[1:]:
        os.close(extra)
    os.set_inheritable(descriptors[0], False)
    return descriptors[0]


def read_pid() -> int:
    """The pid that the runtime wrote; ValueError or OSError if there is none."""
    with open(PID_FILE, "rb", 0) as file:
        return int(file.read(32))


def runtime_error() -> str:
    """The runtime's last error line in its JSON log, bare of time and level; empty if there is none."""
    try:
        with open(RUNTIME_LOG, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LOG_TAIL))
            lines = file.read().splitlines()
    except OSError:
        return ""
    for line in reversed(lines):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("level") in ("error", "fatal") and entry.get("msg"):
            return str(entry["msg"])
    return ""


def error_kind(message: str) -> str:
    """What a client should make of the runtime's message, in runc's words or crun's: see `protocol.Born.kind`."""
    text = message.lower()
    if any(words in text for words in _NOT_FOUND) or ("executable file `" in text and "not found" in text):
        return "not-found"
    if any(words in text for words in _NOT_EXECUTABLE):
        return "not-executable"
    return "runtime"


def exit_code_of(kind: str) -> int:
    """The exit code that Docker shows for a start that failed so."""
    return {"not-found": 127, "not-executable": 126}.get(kind, 128)
