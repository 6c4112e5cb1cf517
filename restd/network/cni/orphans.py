"""Plugins that a daemon before has started, and that go on although it was killed.

Nobody waits for what they do any more. They would finish after the next daemon has given back what is left, and leave
an address taken and an interface made.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import time
from collections.abc import Iterator, Sequence

log = logging.getLogger(__name__)

_SECONDS = 5.0
_LIMIT = 1 << 16


def end_orphans(directories: Sequence[str], state: str) -> int:
    """Kill the plugins in `directories` that work on a namespace below `state`, and wait for their end. Blocks.

    Returns how many there were.
    """
    ended = 0
    for pid in list(_found([os.path.realpath(directory) for directory in directories], state)):
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            try:
                if not _is_ours(pid, state):  # the number belongs to another by now
                    continue
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                ended += 1
                _wait(descriptor)
            finally:
                os.close(descriptor)
    if ended:
        log.warning("ended %d CNI plugins that a daemon before has left behind", ended)
    return ended


def _found(directories: Sequence[str], state: str) -> Iterator[int]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                program = os.readlink(f"/proc/{entry}/exe")
            except OSError:
                continue
            if os.path.dirname(program) in directories and _is_ours(int(entry), state):
                yield int(entry)


def _is_ours(pid: int, state: str) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            variables = file.read(_LIMIT).split(b"\0")
    except OSError:
        return False
    return any(entry.startswith(f"CNI_NETNS={state}/".encode()) for entry in variables)


def _wait(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    deadline = time.monotonic() + _SECONDS
    while not poll.poll(100) and time.monotonic() < deadline:
        pass
