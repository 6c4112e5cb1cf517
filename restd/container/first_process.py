"""A container's first process, seen and ended by the kernel's means alone.

For when its shim is dead or its runtime doesn't answer. A pid alone is never trusted: it may be another process's by
now, but that one is not in the container's cgroup, whose last part is the container's id.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

from restd.lib import cgroups

END_SECONDS = 5.0
"""How long a process may take to end after a KILL."""
_LOOK_SECONDS = 0.1
_PF_EXITING = 0x4  # linux/sched.h


def lives(pid: int, container_id: str) -> bool:
    """Whether the process runs and is the container's."""
    return pid > 0 and not has_ended(pid) and cgroups.is_in(pid, container_id)


def kill(pid: int, container_id: str) -> bool:
    """KILL and thaw it; all others in its pid namespace end with it. Whether there was such a process."""
    try:
        descriptor = os.pidfd_open(pid) if pid > 0 else -1
    except OSError:
        return False
    if descriptor < 0:
        return False
    try:
        if not lives(pid, container_id):  # looked at after the pidfd was there: it is the one that will be killed
            return False
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    finally:
        os.close(descriptor)
    if cgroups.is_frozen(pid):
        cgroups.thaw(pid)
    return True


async def end(pid: int, container_id: str) -> bool:
    """`kill` it and wait for its end, END_SECONDS at most. Whether it is gone."""
    return not kill(pid, container_id) or await gone(pid, END_SECONDS)


async def gone(pid: int, seconds: float) -> bool:
    """Wait until a process has ended; one that only its parent has yet to take notice of has. Whether it has."""
    pause = 0.005
    for _ in range(int(seconds / _LOOK_SECONDS) + 8):
        if has_ended(pid):
            return True
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LOOK_SECONDS)
    return False


def has_ended(pid: int) -> bool:
    """Whether there is no such process, or only its zombie. Source: proc_pid_stat(5)."""
    fields = _stat(pid)
    return not fields or fields[0] in (b"Z", b"X")


def is_ending(pid: int) -> bool:
    """Whether the process has ended or is about to: a container's first one ends all others before it is gone."""
    fields = _stat(pid)
    return not fields or fields[0] in (b"Z", b"X") or bool(int(fields[6]) & _PF_EXITING)


def _stat(pid: int) -> list[bytes]:
    """The fields of /proc/PID/stat from the state on; none if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read(4096).rpartition(b")")[2].split()
    except OSError:
        return []
