"""The commands of a build: each RUN is a container on the image so far, which runs to its end and is committed.

Its output goes to the client as it comes, from the container's log. A client that leaves ends its container.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from restd.container.create import Creator
from restd.container.exited import cleaned
from restd.container.logs import read_logs
from restd.container.registry import Entry, Registry
from restd.container.start import Starter
from restd.errors import EngineError, SystemFailure
from restd.image.build.request import Say, StepCommand, StepFailed
from restd.logs.query import LogQuery
from restd.model.container import Config, CreateRequest, HostConfig, LogConfig, Mount

_SCRIPTS = "/dev/pipes"


@dataclass(frozen=True, slots=True)
class StepLimits:
    """What every command of one build gets: limits and network of the request, and where scripts are kept."""

    host_config: HostConfig
    scripts: str


class ContainerSteps:
    """Runs steps in containers (`restd.image.build.request.Steps`)."""

    def __init__(
        self,
        limits: StepLimits,
        registry: Registry,
        creator: Creator,
        starter: Starter,
        kill: Callable[[Entry], Awaitable[None]],
        remove: Callable[[Entry], Awaitable[None]],
    ) -> None:
        self._limits = limits
        self._registry, self._creator, self._starter = registry, creator, starter
        self._kill, self._remove = kill, remove
        self._folders: dict[str, str] = {}

    async def run(self, command: StepCommand, say: Say, *, keep_failed: bool) -> str:
        """Run a command to its end: the container's id. StepFailed with its code, and then the container is gone."""
        if command.image is None:
            raise SystemFailure("a command cannot run on nothing")
        folder = self._write_scripts(command.scripts) if command.scripts else ""
        host = self._limits.host_config
        if folder:
            host = replace(host, mounts=(Mount(type="bind", source=folder, target=_SCRIPTS, read_only=True),))
        config = Config(
            image=command.image.id,
            entrypoint=("",),
            cmd=tuple(command.words),
            env=tuple(command.environment),
            attach_stdout=True,
            attach_stderr=True,
        )
        request = CreateRequest(config, replace(host, log_config=LogConfig("json-file", {})))
        created = await self._creator.create(request)
        self._folders[created.id] = folder
        entry = self._registry.find(created.id)
        try:
            say({"stream": f" ---> Running in {created.id[:12]}\n"})
            await self._starter.start(entry)
            await self._tell(entry, say)
            await entry.exited.wait()
            await cleaned(entry)
            code = entry.container.state.exit_code
        except BaseException:
            await asyncio.shield(self.remove(created.id))
            raise
        if code:
            if not keep_failed:
                await self.remove(created.id)
            raise StepFailed(command.shown, code)
        return created.id

    @staticmethod
    async def _tell(entry: Entry, say: Say) -> None:
        """Its output, to its end."""
        query = LogQuery(stdout=True, stderr=True, follow=True)
        logs = await read_logs(entry, query)
        held = b""
        async for piece in logs:
            held += piece
            while len(held) >= 8 and len(held) >= 8 + int.from_bytes(held[4:8], "big"):
                end = 8 + int.from_bytes(held[4:8], "big")
                say({"stream": held[8:end].decode(errors="replace")})
                held = held[end:]

    async def remove(self, container_id: str) -> None:
        """Take the container away, running or not, and what belonged to its step."""
        with contextlib.suppress(EngineError):
            entry = self._registry.find(container_id)
            if entry.container.state.running:
                await self._kill(entry)
            await cleaned(entry)
            await self._remove(entry)
        if folder := self._folders.pop(container_id, ""):
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _write_scripts(self, scripts: Mapping[str, str]) -> str:
        folder = os.path.join(self._limits.scripts, f"step-{secrets.token_hex(8)}")
        os.makedirs(folder, 0o755)
        for name, text in scripts.items():
            path = os.path.join(folder, os.path.basename(name))
            with open(path, "x", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
            os.chmod(path, 0o755)
        return folder
