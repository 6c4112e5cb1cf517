"""The call of the runtime, in a short-lived child of the shim, and the report of how it went.

Whatever a shim does itself stays in its memory for as long as the container runs: every object that is looked at has
its reference count written, and the page is no longer shared with the other shims. So all that happens once, at the
birth, is done by a child that ends with it: the container's process is its grandchild, and comes to the shim, which is
a subreaper. The shim of an exec, which lives briefly and should begin soon, calls the runtime itself.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import time
from _signal import SIG_BLOCK, SIG_SETMASK, SIGCHLD, pthread_sigmask  # type: ignore[import-not-found]  # no enums here
from collections.abc import Callable
from dataclasses import dataclass

from shim import folder, oom, process
from shim.protocol import ProcessSpec

Send = Callable[[ProcessSpec, str, process.Stdio, int, int], int]
"""`send`, or what stands for it in a rehearsal."""
_REPORT_LIMIT = 64 << 10
_FIELD = b"\0"


@dataclass(frozen=True)
class Report:
    """`pid` of the container's first process, or 0 with `kind` and `message` as in `protocol.Born`.

    `shim_start`: the shim's own start time (field 22 of /proc/PID/stat). `oom_file`: the file that counts OOM kills,
    empty if there is none or nobody asked; `unified`: it is cgroup v2's. `message` may be empty on a failure: then
    `how` tells how the runtime ended.
    """

    pid: int = 0
    shim_start: int = 0
    oom_file: str = ""
    unified: bool = False
    kind: str = ""
    message: str = ""
    how: str = ""

    def encode(self) -> bytes:
        """As it travels through the pipe."""
        numbers = b"%d %d %d" % (self.pid, self.shim_start, self.unified)
        texts = [text.encode("utf-8", "surrogateescape") for text in (self.oom_file, self.kind, self.message, self.how)]
        return _FIELD.join([numbers, *(text.replace(_FIELD, b"") for text in texts)])


def read_report(descriptor: int) -> Report:
    """The report in the pipe, after the child has ended."""
    data = os.read(descriptor, _REPORT_LIMIT)
    if not data:
        return Report(kind="runtime", message="the runtime's caller ended without a report")
    numbers, oom_file, kind, message, how = data.split(_FIELD)
    pid, start, unified = numbers.split()
    if int(pid):
        return Report(int(pid), int(start), oom_file.decode(), unified == b"1")
    return Report(kind=kind.decode(), message=message.decode("utf-8", "replace"), how=how.decode("utf-8", "replace"))


def send(spec: ProcessSpec, state: str, stdio: process.Stdio, report: int, asker: int) -> int:
    """Fork the child that calls the runtime with `stdio`; its pid. It writes to `report` and ends.

    `asker` is the reply socket of the birth.
    """
    shim = os.getpid()
    # Blocked before the fork: the child waits for its own child by sigtimedwait, and no handler must run in it.
    before = pthread_sigmask(SIG_BLOCK, (SIGCHLD,))
    try:
        child = os.fork()
        if child == 0:
            _work(spec, state, stdio, report, asker, shim)
    finally:
        pthread_sigmask(SIG_SETMASK, before)
    return child


def _work(spec: ProcessSpec, state: str, stdio: process.Stdio, report: int, asker: int, shim: int) -> None:
    """All of the child's life; never returns."""
    try:
        try:
            said = _call(spec, state, stdio, asker, shim)
        except OSError as error:
            said = Report(kind="runtime", message=f"{spec.runtime[0]}: {error.strerror}")
        os.write(report, said.encode()[: _REPORT_LIMIT - 1])
    except BaseException as error:
        folder.note(error)
    finally:
        os._exit(0)


def _call(spec: ProcessSpec, state: str, stdio: process.Stdio, asker: int, shim: int) -> Report:
    runtime, start = call(spec, state, stdio, asker, shim)
    status = _wait(runtime, spec.start_timeout)
    return too_slow(spec) if status is None else judge(spec, status, start)


def call(spec: ProcessSpec, state: str, stdio: process.Stdio, asker: int, shim: int) -> tuple[int, int]:
    """Start the runtime for the shim `shim`; its pid, and the shim's start time.

    OSError if it can't be run, or if nobody is left at the other end of `asker`: a birth may have lain in the nursery's
    socket when the daemon died, and a later daemon knows of it only if the shim had introduced itself by then.
    """
    folder.clear()
    if spec.exec_id:
        folder.write(process.PROCESS_JSON, process.process_document(spec))
    start = folder.introduce(shim)
    if _left(asker):
        raise ConnectionAbortedError(errno.ECONNABORTED, "the daemon that wanted it has gone")
    return process.spawn(process.arguments(spec, state, shim), stdio), start


def _left(asker: int) -> bool:
    watch = select.poll()
    watch.register(asker, 0)  # a hang-up is reported unasked
    return bool(watch.poll(0))


def too_slow(spec: ProcessSpec) -> Report:
    """What is reported of a runtime that was killed because it took too long."""
    return Report(kind="timeout", message=f"the runtime did not finish within {spec.start_timeout:g} s")


def judge(spec: ProcessSpec, status: int, start: int) -> Report:
    """What became of a runtime that ended with the wait status `status`."""
    if status != 0:
        code = os.waitstatus_to_exitcode(status)
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return Report(kind="runtime", message=process.runtime_error(), how=f"{spec.runtime[0]} {how}")
    try:
        pid = process.read_pid()
    except (OSError, ValueError) as error:
        return Report(kind="runtime", message=f"the runtime left no pid: {error}")
    file, unified = "", False
    if spec.watch_oom:
        with contextlib.suppress(OSError):  # it has ended already, or its cgroup has no memory controller
            file, unified = oom.find(folder.read_text(f"/proc/{pid}/cgroup")) or ("", False)
    return Report(pid, start, file, unified)


def _wait(runtime: int, seconds: float) -> int | None:
    """The runtime's wait status; None if it took too long and was killed, with its group."""
    deadline = time.monotonic() + seconds
    while True:
        pid, status = os.waitpid(runtime, os.WNOHANG)
        if pid:
            return status
        left = deadline - time.monotonic()
        if left <= 0:
            process.kill_group(runtime)
            os.waitpid(runtime, 0)
            return None
        signal.sigtimedwait((signal.SIGCHLD,), left)
