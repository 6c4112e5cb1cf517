"""Builds everything, in order, on one page; and stops it in stages. Containers run on through both."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import socket
from collections.abc import Sequence

from aiohttp import web

from restd.api.engine import Engine
from restd.api.hijack import DockerRunner
from restd.api.server import make_runner
from restd.config import Config
from restd.container.containers import Containers
from restd.events import Events
from restd.image.registry.settings import RegistrySettings
from restd.image.store import ImageStore
from restd.journal import Journal
from restd.lib.host import read_host
from restd.lib.tasks import TaskGroup

log = logging.getLogger(__name__)

LOCK_FILE = "daemon.lock"
LOCK_SECONDS = 60.0
LISTEN_BACKLOG = 2048


class Application:
    """One engine in one process, from the lock on the state folder to the listening sockets."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = -1
        self._events = Events()
        self._journal = Journal(config.state)
        self._containers: Containers | None = None
        self._images: ImageStore | None = None
        self._runner: DockerRunner | None = None

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Take the lock, restore what was, then answer on `sockets`; clients wait in their backlog meanwhile."""
        config = self._config
        logging.getLogger().setLevel(config.log_level.upper())
        self._lock = await self._take_lock(os.path.join(config.state, LOCK_FILE))
        self._events.resume(self._journal.open(), self._journal.append)
        host = read_host()
        self._images = images = ImageStore(config.graph, self._events, registries=_registries(config))
        await images.open()
        self._containers = containers = Containers(config, host, self._events, images)
        await containers.open()
        self._runner = runner = make_runner(Engine(config, host, self._events, images, containers))
        await runner.setup()
        for listener in sockets:
            await web.SockSite(runner, listener, backlog=LISTEN_BACKLOG).start()

    async def stop(self, seconds: float) -> None:
        """End streams, let short requests finish within `seconds`, let go of the state. Shims go on by themselves."""
        self._events.close()
        if self._runner is not None:
            await self._runner.stop_listening()
            tasks = TaskGroup("stop")
            ending = tasks.start(self._runner.cleanup(), "connections")
            done, _ = await asyncio.wait([ending], timeout=seconds)
            if not done:
                log.warning("cut off after %.0f s: %s", seconds, ", ".join(self._runner.unfinished()))
            await tasks.close()
        if self._containers is not None:
            await self._containers.close()
        if self._images is not None:
            await self._images.close()
        self._journal.close()
        if self._lock >= 0:
            os.close(self._lock)

    @staticmethod
    async def _take_lock(path: str) -> int:
        """The exclusive lock on the state: at most one worker has it. The old worker of a reload may still stop."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = asyncio.get_running_loop().time() + LOCK_SECONDS
        pause = 0.001
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                if asyncio.get_running_loop().time() > deadline:
                    os.close(descriptor)
                    raise RuntimeError(f"{path} is locked by another daemon that uses the same state folder") from None
                await asyncio.sleep(pause)
                pause = min(pause * 2, 0.05)


def _registries(config: Config) -> RegistrySettings:
    return RegistrySettings(
        mirrors=config.registry_mirrors,
        insecure=config.insecure_registries,
        certificates=config.certs_dir,
        downloads=config.max_concurrent_downloads,
        uploads=config.max_concurrent_uploads,
        attempts=config.max_download_attempts,
    )
