"""What a test run left on the host, found by the names that only this run uses.

Each engine of a run lives at `/tmp/irt-SSxx`, in the network namespace and under the cgroup of the same last part;
`SS` is the run's own mark. So other engines on the host, and other runs beside this one, are never counted.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

PLACES = "/tmp"
NETNS = "/run/netns"
CGROUPS = "/sys/fs/cgroup"


@dataclass(frozen=True)
class Leftover:
    """One thing that should be gone. `kind`: process (with its pid), mount, netns, cgroup, loop or folder."""

    kind: str
    name: str
    pid: int = 0

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


def find(mark: str) -> list[Leftover]:
    """All that is left of the names beginning with `mark` (as `irt-SS`), in the order in which it must go."""
    return [*processes(mark), *mounts(mark), *loop_devices(mark), *namespaces(mark), *cgroups(mark), *folders(mark)]


def processes(mark: str) -> Iterator[Leftover]:
    """Processes by command line, working folder, cgroup, mounts or network namespace. Zombies do not count."""
    networks = set()
    for path in glob.glob(f"{NETNS}/{mark}*"):
        with contextlib.suppress(OSError):
            networks.add(os.stat(path).st_ino)
    own = {os.getpid(), os.getppid()}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) not in own:
            with contextlib.suppress(OSError):
                if belongs(entry, mark, networks):
                    yield Leftover("process", f"{entry} {command_of(entry)}", int(entry))


def belongs(pid: str, mark: str, networks: set[int]) -> bool:
    """Whether this process was started by an engine of the run."""
    if read(f"/proc/{pid}/stat").rsplit(b")", 1)[1].split()[0] in (b"Z", b"X"):
        return False
    sign = mark.encode()
    if os.stat(f"/proc/{pid}/ns/net").st_ino in networks or b"/" + sign in read(f"/proc/{pid}/cgroup"):
        return True
    if f"/{mark}" in os.readlink(f"/proc/{pid}/cwd") or f"/{PLACES}/{mark}".replace("//", "/").encode() in read(
        f"/proc/{pid}/cmdline"
    ):
        return True
    same_mounts = os.readlink(f"/proc/{pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt")
    return not same_mounts and f"{PLACES}/{mark}".encode() in read(f"/proc/{pid}/mountinfo")


def read(path: str) -> bytes:
    """A file of /proc."""
    with open(path, "rb") as file:
        return file.read()


def command_of(pid: str) -> str:
    """The command line for people."""
    return read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace").strip()[:200]


def mounts(mark: str) -> Iterator[Leftover]:
    """Mounts at the run's places, deepest first."""
    for line in reversed(read("/proc/self/mountinfo").decode().splitlines()):
        target = line.split(" ")[4]
        if target.startswith(f"{PLACES}/{mark}"):
            yield Leftover("mount", target)


def loop_devices(mark: str) -> Iterator[Leftover]:
    """Loop devices whose file is at the run's places."""
    for path in glob.glob("/sys/block/loop*/loop/backing_file"):
        backing = read(path).decode().strip()
        if backing.startswith(f"{PLACES}/{mark}"):
            yield Leftover("loop", f"/dev/{path.split('/')[3]}")


def namespaces(mark: str) -> Iterator[Leftover]:
    """Named network namespaces."""
    yield from (Leftover("netns", os.path.basename(path)) for path in glob.glob(f"{NETNS}/{mark}*"))


def cgroups(mark: str) -> Iterator[Leftover]:
    """Cgroup folders in every hierarchy, deepest first."""
    for top in glob.glob(f"{CGROUPS}/{mark}*") + glob.glob(f"{CGROUPS}/*/{mark}*"):
        for folder, _, _ in os.walk(top, topdown=False):
            yield Leftover("cgroup", folder)


def folders(mark: str) -> Iterator[Leftover]:
    """The places themselves."""
    yield from (Leftover("folder", path) for path in glob.glob(f"{PLACES}/{mark}*"))


def clear(found: list[Leftover]) -> None:
    """Take away what was found, so that a failed run does not disturb the next one."""
    for left in found:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            if left.kind == "process":
                os.kill(left.pid, signal.SIGKILL)
            elif left.kind == "mount":
                subprocess.run(["umount", "-l", left.name], check=False, timeout=20, capture_output=True)
            elif left.kind == "loop":
                subprocess.run(["losetup", "-d", left.name], check=False, timeout=20, capture_output=True)
            elif left.kind == "netns":
                subprocess.run(["ip", "netns", "del", left.name], check=False, timeout=20, capture_output=True)
            elif left.kind == "cgroup":
                os.rmdir(left.name)
            else:
                shutil.rmtree(left.name, ignore_errors=True)
