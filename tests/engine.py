"""Starts an engine for tests: ours, or dockerd as a check of the test itself, each wholly apart from the host's.

An engine has one short folder (`/tmp/irt-SSxx`: a unix socket's path is 107 bytes at most and the engine adds a
container's id), a network namespace and a cgroup parent of the same name.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests import leftovers
from tests.adopted import Adopted
from tests.calls import Calls, Refused
from tests.waiting import wait_until

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
START_LIMIT = 20.0
STOP_LIMIT = 30.0


class EngineDied(Exception):
    """The daemon ended when it should not have; carries the end of its log."""


class Engine(Calls):
    """One daemon with a place of its own. `settings` go into its daemon.json over what keeps it apart from the host."""

    kind = ""

    def __init__(self, name: str, settings: Mapping[str, Any] | None = None) -> None:
        self.name = name
        self.place = f"{leftovers.PLACES}/{name}"
        self.root_dir = f"{self.place}/r"
        self.state_dir = f"{self.place}/s"
        self.config_file = f"{self.place}/daemon.json"
        self.log_file = f"{self.place}/log"
        super().__init__(f"{self.place}/e.sock")
        self.directory = REPOSITORY
        self.settings = {**self.base_settings(), **(settings or {})}
        self.process: subprocess.Popen[bytes] | Adopted | None = None

    def base_settings(self) -> dict[str, Any]:
        """What daemon.json needs for an engine apart."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """The daemon's command line."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Make the folder, the network namespace and daemon.json."""
        os.makedirs(self.place, mode=0o755)
        run("ip", "netns", "add", self.name)
        run("ip", "-n", self.name, "link", "set", "lo", "up")
        self.write_settings()

    def write_settings(self) -> None:
        """Write `settings` to daemon.json: read at the next start."""
        with open(self.config_file, "w") as file:
            json.dump(self.settings, file)

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the daemon's process; it need not answer yet."""
        with open(self.log_file, "ab") as log:
            self.process = process = subprocess.Popen(
                ["nsenter", f"--net={leftovers.NETNS}/{self.name}", *self.command()],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return process

    def start_daemon(self) -> None:
        """Start the daemon and wait until it answers; EngineDied with its log if it does not."""
        self.spawn()
        try:
            wait_until(self.answers, START_LIMIT, "the engine answers")
        except AssertionError as error:
            raise EngineDied(f"{error}\n{self.log_tail()}") from None

    def answers(self) -> bool:
        """Whether `/_ping` is answered; EngineDied when the process has ended."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise EngineDied(f"exit code {self.process.returncode}\n{self.log_tail()}")
        try:
            return self.ask("GET", "/_ping", timeout=5).status == 200
        except (OSError, EOFError):
            return False

    def stop_daemon(self) -> None:
        """SIGTERM and wait; containers go on where the engine is made so."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.kill_daemon()
            raise EngineDied(f"did not stop within {STOP_LIMIT:g} s\n{self.log_tail()}") from None
        self.process = None

    def kill_daemon(self) -> None:
        """SIGKILL to every process of the daemon itself, and to none of a container's."""
        raise NotImplementedError

    def daemon_pids(self) -> list[int]:
        """The daemon's own processes: the tree under the one that was started, containers' shims left out."""
        assert self.process is not None
        return tree(self.process.pid)

    def log_tail(self, lines: int = 60) -> str:
        """The last lines the daemon wrote."""
        try:
            with open(self.log_file, errors="replace") as file:
                return "".join(file.readlines()[-lines:])
        except FileNotFoundError:
            return "(no log)"

    def load_image(self, archive: str) -> None:
        """Load a docker-archive from a file."""
        with open(archive, "rb") as file:
            reply = self.call("POST", "/images/load?quiet=1", file.read(), {"Content-Type": "application/x-tar"})
        if b"errorDetail" in reply.body:
            raise Refused("load", reply)

    def remove_all(self) -> None:
        """Remove every container."""
        for container in self.get("/containers/json", all=1):
            with contextlib.suppress(Refused):
                self.remove(container["Id"])
        wait_until(lambda: not self.get("/containers/json", all=1), 20, "all containers removed")

    def close(self) -> list[leftovers.Leftover]:
        """Stop the engine and take its place away; returns what it left behind, which should be nothing."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(Refused, OSError, EOFError, AssertionError):
                self.remove_all()
            self.stop_daemon()
        end = time.monotonic() + 5
        while (left := self.remains()) and time.monotonic() < end:
            time.sleep(0.02)
        self.clear()
        return left

    def remains(self) -> list[leftovers.Leftover]:
        """What still is on the host, but for what `prepare` made."""
        return [
            left
            for left in leftovers.find(self.name)
            if left.kind not in ("netns", "folder")
            and not (left.kind == "cgroup" and left.name.endswith(f"/{self.name}"))
        ]

    def clear(self) -> None:
        """Take away the place, the network namespace, the cgroup parents, and whatever else there is."""
        for _ in range(3):
            leftovers.clear(leftovers.find(self.name))
            if not leftovers.find(self.name):
                return
            time.sleep(0.05)


class Isula(Engine):
    """The engine of this repository."""

    kind = "isula"
    program: Sequence[str] = (sys.executable, "-m", "restd")

    def base_settings(self) -> dict[str, Any]:
        return {"cgroup-parent": f"/{self.name}"}

    def command(self) -> list[str]:
        return [
            *self.program,
            *("--root", self.root_dir, "--state", self.state_dir),
            *("--host", f"unix://{self.socket_path}", "--config-file", self.config_file),
        ]

    def kill_daemon(self) -> None:
        assert self.process is not None
        kill_all(tree(self.process.pid))
        self.process.wait()
        self.process = None

    def workers(self) -> list[int]:
        """The master's workers: one, but for the time of a reload."""
        assert self.process is not None
        master = self.process.pid
        return [pid for pid in tree(master)[1:] if _parent(pid) == master and self._is_ours(pid)]

    def reload(self) -> int:
        """SIGHUP, and wait until a new worker is alone; returns its process id."""
        assert self.process is not None
        before = self.workers()
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.workers() and not set(before) & set(self.workers()), START_LIMIT, "a new worker")
        return self.workers()[0]

    def upgrade(self) -> int:
        """SIGUSR2, and wait until a new master has replaced the old one; returns its process id."""
        old = self.process
        assert old is not None
        old.send_signal(signal.SIGUSR2)
        try:
            old.wait(START_LIMIT)
        except subprocess.TimeoutExpired:
            raise EngineDied(f"no new master within {START_LIMIT:g} s\n{self.log_tail()}") from None
        return self.find_master()

    def find_master(self) -> int:
        """The master of this engine, after the process that was it has ended."""
        same = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._is_ours(pid)]
        (master,) = (pid for pid in same if _parent(pid) not in same)
        self.process = Adopted(master)
        return master

    def _is_ours(self, pid: int) -> bool:
        """Whether a process is a master or a worker: by the command line, which names our daemon.json."""
        words = command_line(pid).split(b"\0")
        return os.fsencode(self.config_file) in words and any(b"restd" in word for word in words[:3])


class Dockerd(Engine):
    """Debian's dockerd 20.10 with its containerd."""

    kind = "dockerd"

    def base_settings(self) -> dict[str, Any]:
        return {
            "data-root": self.root_dir,
            "exec-root": self.state_dir,
            "pidfile": f"{self.place}/pid",
            "hosts": [f"unix://{self.socket_path}"],
            "storage-driver": "overlay2",
            "cgroup-parent": f"/{self.name}",
            "runtimes": {"crun": {"path": shutil.which("crun") or "/usr/bin/crun"}},
            "live-restore": True,
            "shutdown-timeout": 1,
        }

    def command(self) -> list[str]:
        return ["dockerd", "--config-file", self.config_file]

    def kill_daemon(self) -> None:
        assert self.process is not None
        kill_all(
            [pid for pid in tree(self.process.pid) if b"containerd-shim" not in leftovers.read(f"/proc/{pid}/cmdline")]
        )
        self.process.wait()
        self.process = None

    def remains(self) -> list[leftovers.Leftover]:
        """Processes only: it leaves its cgroup parents and the mount of a network namespace."""
        return [left for left in super().remains() if left.kind == "process"]


KINDS: dict[str, type[Engine]] = {kind.kind: kind for kind in (Isula, Dockerd)}


def command_line(pid: int) -> bytes:
    """A process's command line, words ended by NUL; nothing if it is gone."""
    with contextlib.suppress(OSError):
        return leftovers.read(f"/proc/{pid}/cmdline")
    return b""


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(leftovers.read(f"/proc/{pid}/stat").rsplit(b")", 1)[1].split()[1])
    return 0


def run(*command: str) -> None:
    """Run a command of the host; CalledProcessError if it fails."""
    subprocess.run(command, check=True, capture_output=True, timeout=30)


def kill_all(pids: list[int]) -> None:
    """SIGKILL, the parents first so that none is started again."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def tree(root: int) -> list[int]:
    """A process and all its descendants, parents before children."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                parent = int(leftovers.read(f"/proc/{entry}/stat").rsplit(b")", 1)[1].split()[1])
                children.setdefault(parent, []).append(int(entry))
    found, queue = [], [root]
    while queue:
        pid = queue.pop(0)
        found.append(pid)
        queue += children.get(pid, [])
    return found


def proportional_memory(pids: list[int]) -> int:
    """The sum of the processes' PSS in KiB."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in leftovers.read(f"/proc/{pid}/smaps_rollup").splitlines():
                if line.startswith(b"Pss:"):
                    total += int(line.split()[1])
    return total


def crun_can_run() -> bool:
    """Whether crun accepts this host's cgroups; gives hugetlb to cgroup v1 where it lies in a hybrid's v2 tree.

    crun refuses a hybrid host that has any controller in v2. The mount stays: taken away again it would come back
    under an odd name in running containers.
    """
    if not os.path.isdir("/sys/fs/cgroup/unified"):
        return True
    with contextlib.suppress(OSError):
        if b"hugetlb" in leftovers.read("/sys/fs/cgroup/unified/cgroup.controllers"):
            os.makedirs("/sys/fs/cgroup/hugetlb", exist_ok=True)
            run("mount", "-t", "cgroup", "-o", "hugetlb", "cgroup", "/sys/fs/cgroup/hugetlb")
    return not leftovers.read("/sys/fs/cgroup/unified/cgroup.controllers").strip()
