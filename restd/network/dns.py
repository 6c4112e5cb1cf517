"""Names on user-defined networks: the configuration of aardvark-dns, and its process.

One file a network in STATE/dns: the addresses to listen on, then a line for each container with its addresses, its
names and the servers that its other questions go to. The program reads them at its start and on SIGHUP, forks itself
away, and so goes on while the daemon restarts; it ends by itself when the last file is gone. Source: aardvark-dns(1),
src/config/mod.rs (version 1.4).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from restd.errors import SystemFailure
from restd.lib.files import write_atomically
from restd.lib.ids import is_id
from restd.lib.processes import ENVIRONMENT, ProgramTimeout, run
from restd.lib.tasks import TaskGroup
from restd.model.network import Endpoint, Network

log = logging.getLogger(__name__)

PROGRAM = "aardvark-dns"
PLACES = ("/usr/lib/podman", "/usr/libexec/podman")
PID_FILE = "aardvark.pid"
START_SECONDS = 10.0
END_SECONDS = 2.0
LATER_SECONDS = 0.05
"""How long names that are no longer wanted may stay: a signal for each of many ends would keep the program busy."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}")


@dataclass(frozen=True, slots=True)
class Member:
    """A container on a network: its addresses and names there, and the servers for other questions (`--dns`)."""

    endpoint: Endpoint
    servers: Sequence[str] = ()


def network_text(network: Network, members: Sequence[Member]) -> str:
    """The file of one network. Names that are none (a space would end the column) are left out."""
    listen = [*network.gateways(ipv6=False), *network.gateways(ipv6=True)]
    lines = [",".join(listen)]
    for member in sorted(members, key=lambda one: one.endpoint.container_id):
        place = member.endpoint
        names = [name for name in place.dns_names if _NAME.fullmatch(name)]
        if not names:
            continue
        columns = [place.container_id, place.ipv4_address, place.ipv6_address, ",".join(dict.fromkeys(names))]
        if member.servers:
            columns.append(",".join(member.servers))
        lines.append(" ".join(columns))
    return "".join(f"{line}\n" for line in lines)


class NameServer:
    """The program and its files. `set` and `drop` change files; `apply` lets the program know, once for all of them.

    On a signal the program closes its sockets for some milliseconds, so it gets no more signals than it needs.
    """

    def __init__(self, folder: str, tasks: TaskGroup) -> None:
        self._folder = folder
        self._tasks = tasks
        self._texts: dict[str, str] = {}
        self._changed = False
        self._planned = False
        self._lock = asyncio.Lock()

    @staticmethod
    def program() -> str:
        """Where the program is; empty if it is not installed."""
        for place in PLACES:
            if os.access(f"{place}/{PROGRAM}", os.X_OK):
                return f"{place}/{PROGRAM}"
        return shutil.which(PROGRAM, path=ENVIRONMENT["PATH"]) or ""

    def open(self) -> None:
        """Learn what the files say: after a restart of the daemon most of it still holds."""
        os.makedirs(self._folder, 0o700, exist_ok=True)
        for name in os.listdir(self._folder):
            if is_id(name):
                with open(f"{self._folder}/{name}", encoding="utf-8", errors="replace") as file:
                    self._texts[name] = file.read()

    def networks(self) -> list[str]:
        """Ids of the networks that have a file."""
        return list(self._texts)

    def set(self, network: Network, members: Sequence[Member]) -> None:
        """Who can be found on a network from now on."""
        if not members:
            self.drop(network.id)
            return
        text = network_text(network, members)
        if self._texts.get(network.id) != text:
            write_atomically(f"{self._folder}/{network.id}", text.encode(), durable=False)
            self._texts[network.id] = text
            self._changed = True

    def drop(self, network_id: str) -> None:
        """Nobody is on the network any more."""
        if self._texts.pop(network_id, None) is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self._folder}/{network_id}")
            self._changed = True

    async def apply(self) -> None:
        """Have the program know what the files say; start it if it isn't there. SystemFailure with its own words."""
        async with self._lock:
            for last in (False, False, True):
                pid = self.pid()
                if pid and self._texts:
                    if self._changed:
                        self._changed = False
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGHUP)
                    return
                self._changed = False
                if not self._texts:
                    await self._end(pid)
                    return
                reason = await self._start()
                # It ends at once if the files went while it began to read them.
                if reason and (last or not self._changed):
                    raise SystemFailure(f"{PROGRAM} can't be started: {reason}")

    def apply_later(self) -> None:
        """`apply` in a moment, together with whatever else changes until then."""
        if self._changed and not self._planned:
            self._planned = True
            self._tasks.start(self._later(), "names")

    async def _later(self) -> None:
        await asyncio.sleep(LATER_SECONDS)
        self._planned = False
        try:
            await self.apply()
        except SystemFailure as error:
            log.error("%s", error)

    def pid(self) -> int:
        """The program's process id; 0 if it does not run. Its command line names the folder."""
        try:
            with open(f"{self._folder}/{PID_FILE}", "rb") as file:
                pid = int(file.read(32))
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read(4096).split(b"\0")
        except (OSError, ValueError):
            return 0
        return pid if os.fsencode(self._folder) in words else 0

    async def _end(self, pid: int) -> None:
        """End the program and wait for it: the next one needs its sockets."""
        if not pid:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        for _ in range(int(END_SECONDS / 0.005)):
            if not self.pid():
                break
            await asyncio.sleep(0.005)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self._folder}/{PID_FILE}")

    async def _start(self) -> str:
        """Start the program. Why it does not run; empty if it does."""
        program = self.program()
        if not program:
            raise SystemFailure(f"names can't be resolved: {PROGRAM} is not installed (package aardvark-dns)")
        try:
            done = await run([program, "--config", self._folder, "--port", "53", "run"], START_SECONDS)
        except (OSError, ProgramTimeout) as error:
            return str(error)
        if done.code == 0 and self.pid():
            return ""
        words = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        return words[-1] if words else f"exit code {done.code}"
