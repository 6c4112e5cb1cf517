"""The cgroups that a container's end leaves behind: runc forgets a container whose cgroup it could not remove.

A cgroup is a folder in each hierarchy of cgroup v1, or in the one of v2; it can be removed when no process is in it or
below it. What is in a container's cgroup is the container's: it is thawed and killed. Source: cgroups(7), freezer.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

from restd.runtime.base import RuntimeFailure

ROOT = "/sys/fs/cgroup"
GONE_SECONDS = 2.0
"""How long killed processes may take to leave."""


class Cgroups:
    """Finds and removes the cgroups of one name; `root` is where the hierarchies are mounted."""

    def __init__(self, root: str = ROOT) -> None:
        self._root = root
        self._hierarchies: list[str] = []

    def folders(self, path: str) -> list[str]:
        """The folders of the cgroup `path` (`/PARENT/ID`) that are there. A stat for each hierarchy."""
        if not self._hierarchies:
            self._hierarchies = [self._root]
            with contextlib.suppress(OSError):
                self._hierarchies += [entry.path for entry in os.scandir(self._root) if entry.is_dir()]
        inner = path.strip("/")
        return [folder for top in self._hierarchies if os.path.isdir(folder := f"{top}/{inner}")]

    def remove(self, path: str) -> None:
        """Kill what is in the cgroup and those below it, and remove them. Blocks.

        RuntimeFailure, naming the processes, if they don't go.
        """
        for folder in self.folders(path):
            deadline = time.monotonic() + GONE_SECONDS
            while not _removed(folder):
                members = set(_members(folder))
                _thaw(folder)
                for pid in members:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, signal.SIGKILL)
                if time.monotonic() > deadline:
                    inside = f" with the processes {', '.join(map(str, sorted(members)))}" if members else ""
                    raise RuntimeFailure(f"the cgroup {folder}{inside} is busy")
                time.sleep(0.01)


def _removed(folder: str) -> bool:
    for below, _, _ in os.walk(folder, topdown=False):
        try:
            os.rmdir(below)
        except FileNotFoundError:
            pass
        except OSError:
            return False
    return True


def _thaw(folder: str) -> None:
    """A frozen process of v1 does not even die."""
    for below, _, names in os.walk(folder):
        for name, value in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
            if name in names:
                with contextlib.suppress(OSError), open(f"{below}/{name}", "w", encoding="ascii") as file:
                    file.write(value)


def _members(folder: str) -> Iterator[int]:
    for below, _, _ in os.walk(folder):
        with contextlib.suppress(OSError, ValueError), open(f"{below}/cgroup.procs", encoding="ascii") as file:
            yield from (int(pid) for pid in file.read(1 << 20).split())
