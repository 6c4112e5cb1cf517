"""Did the kernel kill a process of the container for want of memory? cgroup v1, hybrid and v2."""

from __future__ import annotations

import os
from collections.abc import Callable

from shim.loop import READ, URGENT, Loop

CGROUP_ROOT = "/sys/fs/cgroup"


def find(cgroups: str, root: str = CGROUP_ROOT) -> tuple[str, bool] | None:
    """The file that counts OOM kills for a process whose /proc/PID/cgroup is `cgroups`, and whether it is v2's.

    v1 and hybrid: `ROOT/memory/PATH/memory.oom_control`; v2: `ROOT/PATH/memory.events`. None if neither is there.
    """
    for line in cgroups.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if "memory" in controllers.split(","):
            file = f"{root}/memory{path}/memory.oom_control"
            return (file, False) if os.path.exists(file) else None
    for line in cgroups.splitlines():
        if line.startswith("0::"):
            file = f"{root}{line[3:]}/memory.events"
            return (file, True) if os.path.exists(file) else None
    return None


def kills(text: str) -> int:
    """The value of `oom_kill` in memory.oom_control or memory.events; 0 if it is not there (kernels before 4.13)."""
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == "oom_kill" and value.strip().isdigit():
            return int(value)
    return 0


class Watch:
    """Watches the fresh cgroup of one container. `on_oom` is called at each kill that is noticed in time."""

    def __init__(self, loop: Loop, file: str, unified: bool, on_oom: Callable[[], None]) -> None:
        self._loop = loop
        self._on_oom = on_oom
        self._seen = 0
        self._event = -1
        self._file = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        if unified:
            loop.watch(self._file, URGENT, self._changed)
            return
        self._event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        control = os.open(f"{file.rpartition('/')[0]}/cgroup.event_control", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(control, b"%d %d" % (self._event, self._file))
        finally:
            os.close(control)
        loop.watch(self._event, READ, self._changed)

    def check(self) -> bool:
        """Whether there was a kill since the container began; also calls `on_oom` for one not noticed before."""
        count = self._kills()
        if count > self._seen:
            self._seen = count
            self._on_oom()
        return count > 0

    def close(self) -> None:
        """Stop watching."""
        self._loop.forget(self._file)
        os.close(self._file)
        if self._event >= 0:
            self._loop.forget(self._event)
            os.close(self._event)

    def _changed(self, _mask: int) -> None:
        if self._event >= 0:
            os.eventfd_read(self._event)
        self.check()

    def _kills(self) -> int:
        try:
            return kills(os.pread(self._file, 4096, 0).decode())
        except OSError:
            return 0  # the cgroup is gone
