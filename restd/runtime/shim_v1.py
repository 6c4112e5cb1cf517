"""Runtimes that are a program with runc's command line (OCI runtimes): runc, crun, runsc, kata-runtime, custom ones.

What brings a process into a container (`create`, `exec`) is called by the container's shim, so that the process becomes
the shim's child; everything else is called from here. Each runtime keeps its state below STATE/runtime-root/RUNTIME, so
that instances on one host never meet. Source of the command line: runc(8).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from restd.config import Config
from restd.errors import InvalidParameter
from restd.lib.files import write_atomically
from restd.lib.ids import is_id
from restd.lib.processes import ENVIRONMENT, ProgramTimeout, run
from restd.model.container import Container
from restd.runtime.base import Handed, RuntimeFailure, Started
from restd.runtime.cgroups import Cgroups
from restd.runtime.nursery import Nursery
from shim.protocol import PROCESS_FILE, ProcessSpec, encode

KNOWN = ("crun", "kata-runtime", "runc", "runsc")
RUN = frozenset({"crun", "runc"})
"""Runtimes whose `run --detach` is `create` and `start` in one. Programs that wrap another one look for `create`."""
CALL_SECONDS = 30.0
"""How long a call may take, unless `start-timeout` allows less; `start`, as `create`, may take all of that."""
MESSAGE_LIMIT = 2000
"""Characters of a runtime's own words that are passed on."""
BUNDLE_FILE = "config.json"


class ShimV1:
    """Implements `RuntimeOps` for programs with runc's command line."""

    def __init__(self, config: Config, nursery: Nursery) -> None:
        self._config = config
        self._nursery = nursery
        self._programs: dict[str, str] = {}
        self._cgroups = Cgroups()

    @property
    def configured(self) -> Mapping[str, Any]:
        """The runtimes of daemon.json."""
        return self._config.runtimes

    def detect(self, runtime: str) -> bool:
        """Known by name, or a key of `runtimes` in daemon.json."""
        return runtime in KNOWN or runtime in self._config.runtimes

    def programs(self) -> dict[str, str]:
        """Name and program of every runtime that can be used on this host."""
        found = {}
        for name in sorted({*KNOWN, *self._config.runtimes}):
            try:
                found[name] = self.program(name)
            except InvalidParameter:
                continue
        return found

    def program(self, runtime: str) -> str:
        """The absolute path of a runtime's program; InvalidParameter if there is none."""
        if (known := self._programs.get(runtime)) is not None:
            return known
        custom = self._config.runtimes.get(runtime)
        wanted = custom.path if custom else runtime
        path = shutil.which(wanted, path=ENVIRONMENT["PATH"])
        if path is None:
            raise InvalidParameter(f"runtime {runtime}: no such program: {wanted}")
        self._programs[runtime] = path
        return path

    def command(self, runtime: str) -> list[str]:
        """The program with the arguments that go before every verb."""
        custom = self._config.runtimes.get(runtime)
        return [self.program(runtime), *(custom.arguments if custom else ()), "--root", self._root(runtime)]

    async def create(
        self, container: Container, spec: Mapping[str, Any], process: ProcessSpec, handed: Handed
    ) -> Started:
        """Write the bundle's `config.json`, make a shim, and let it create the container."""
        # The bundle is written anew at every start: a crash before that needs no copy of it.
        data = json.dumps(spec, separators=(",", ":")).encode()
        write_atomically(f"{container.directory}/{BUNDLE_FILE}", data, durable=False)
        return await self._birth(container, container.run_directory, process, handed)

    async def exec(self, container: Container, exec_id: str, process: ProcessSpec, handed: Handed) -> Started:
        """Make a shim that runs `RUNTIME exec`."""
        return await self._birth(container, f"{container.run_directory}/exec/{exec_id}", process, handed)

    async def _birth(self, container: Container, state: str, process: ProcessSpec, handed: Handed) -> Started:
        runtime = container.runtime
        start = process.start and runtime in RUN and runtime not in self._config.runtimes
        process = replace(process, runtime=self.command(runtime), bundle=container.directory, start=start)
        os.makedirs(state, 0o700, exist_ok=True)
        write_atomically(f"{state}/{PROCESS_FILE}", encode(process), durable=False)
        born, link = await self._nursery.birth(
            state, handed.attaches, handed.waits, handed.descriptors, process.start_timeout + 10
        )
        if not born.ok:
            raise RuntimeFailure(born.message, born.kind or "runtime")
        return Started(born.pid, link, born.at)

    async def start(self, container: Container) -> None:
        """`RUNTIME start`."""
        await self._call(container.runtime, ["start", container.id], seconds=self._config.start_timeout)

    async def kill(self, container: Container, signal: int, *, everyone: bool = False) -> None:
        """`RUNTIME kill`. `gone` if the process has ended."""
        await self._call(container.runtime, ["kill", *(["--all"] if everyone else []), container.id, str(signal)])

    async def clean_resource(self, container: Container) -> None:
        """`RUNTIME delete --force`; what it left of the cgroup, with the processes in it."""
        await self.delete(container.runtime, container.id)

    async def delete(self, runtime: str, container_id: str) -> None:
        """`clean_resource` of a container of which only the id is known."""
        try:
            await self._call(runtime, ["delete", "--force", container_id])
        except RuntimeFailure as failure:
            if failure.kind != "gone":
                raise
        cgroup = self._cgroup(container_id)
        mark = f"{self._root(runtime)}/{container_id}"
        if self._cgroups.folders(cgroup):
            # runc has forgotten it by now: its folder stays as a mark, so that a daemon that comes later knows.
            with contextlib.suppress(OSError):
                os.makedirs(mark, 0o700, exist_ok=True)
            await asyncio.to_thread(self._cgroups.remove, cgroup)
        try:
            os.rmdir(mark)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise RuntimeFailure(f"{runtime} delete has left its state of {container_id}: {error.strerror}") from error

    def known(self) -> Iterator[tuple[str, str]]:
        """Runtime and id of every container that a runtime keeps state of."""
        for runtime in sorted({*KNOWN, *self._config.runtimes}):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                yield from ((runtime, name) for name in os.listdir(self._root(runtime)) if is_id(name))

    def keeps(self, container: Container) -> bool:
        """Whether the runtime keeps state of this container, or a cgroup is left of it. A few stat(2)."""
        if os.path.isdir(f"{self._root(container.runtime)}/{container.id}"):
            return True
        return bool(self._cgroups.folders(self._cgroup(container.id)))

    def _cgroup(self, container_id: str) -> str:
        return f"{self._config.cgroup_parent}/{container_id}"

    def _root(self, runtime: str) -> str:
        return f"{self._config.state}/runtime-root/{runtime}"

    async def status(self, container: Container) -> str:
        """`RUNTIME state`."""
        try:
            answer = json.loads(await self._call(container.runtime, ["state", container.id]))
            return str(answer["status"])
        except RuntimeFailure as failure:
            if failure.kind == "gone":
                return "gone"
            raise
        except (ValueError, KeyError, TypeError) as error:
            raise RuntimeFailure(f"{container.runtime} state answered no JSON object with a status: {error}") from error

    async def listpids(self, container: Container) -> list[int]:
        """`RUNTIME ps --format json`."""
        answer = await self._call(container.runtime, ["ps", "--format", "json", container.id])
        try:
            pids = json.loads(answer)
            return [int(pid) for pid in pids or ()]
        except (ValueError, TypeError) as error:
            raise RuntimeFailure(f"{container.runtime} ps answered no list of process ids: {error}") from error

    async def pause(self, container: Container) -> None:
        """`RUNTIME pause`."""
        await self._call(container.runtime, ["pause", container.id])

    async def resume(self, container: Container) -> None:
        """`RUNTIME resume`."""
        await self._call(container.runtime, ["resume", container.id])

    async def update(self, container: Container, resources: Mapping[str, Any]) -> None:
        """`RUNTIME update --resources -`."""
        await self._call(
            container.runtime, ["update", "--resources", "-", container.id], json.dumps(resources).encode()
        )

    async def _call(self, runtime: str, verb: Sequence[str], stdin: bytes = b"", seconds: float = 0) -> bytes:
        """Run one verb to its end and return what it printed; RuntimeFailure with the runtime's own words."""
        arguments = [*self.command(runtime), "--log-format", "json", *verb]
        try:
            done = await run(arguments, seconds or min(CALL_SECONDS, self._config.start_timeout), stdin=stdin)
        except ProgramTimeout as error:
            raise RuntimeFailure(f"{runtime} {verb[0]}: {error}", "timeout") from error
        except OSError as error:
            raise RuntimeFailure(f"{runtime} can't be executed: {error}") from error
        if done.code == 0:
            return done.stdout
        message = error_text(done.stderr) or f"{runtime} {verb[0]} ended with exit code {done.code}"
        raise RuntimeFailure(message, "gone" if is_gone(message) else "runtime")


def error_text(output: bytes) -> str:
    """What a runtime wrote about its failure: the last error of its JSON log, else its last line of plain text."""
    plain = ""
    for line in reversed(output.decode(errors="replace").splitlines()):
        try:
            entry = json.loads(line)
        except ValueError:
            plain = plain or line.strip()
            continue
        if isinstance(entry, dict) and entry.get("level") in ("error", "fatal", "panic") and entry.get("msg"):
            return str(entry["msg"]).strip()[:MESSAGE_LIMIT]
    return plain[:MESSAGE_LIMIT]


def is_gone(message: str) -> bool:
    """Whether a failure says that there is no such container, or that its process has ended already.

    runc: `container does not exist`, `container not running`; crun: `error opening file ... No such file or directory`
    for the status file, `kill container: No such process`; runsc: `loading container: file does not exist`.
    """
    text = message.lower()
    return any(
        words in text for words in ("does not exist", "not running", "no such process", "process already finished")
    ) or ("/status" in text and "no such file" in text)
