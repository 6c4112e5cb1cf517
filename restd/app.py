"""Builds everything, in order, on one page; and stops it in stages. Containers run on through both."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Sequence

from restd.api.engine import Engine
from restd.api.runner import DockerRunner
from restd.api.server import make_runner
from restd.config import Config
from restd.container.containers import Containers
from restd.events import Events
from restd.image.registry.settings import RegistrySettings
from restd.image.store import ImageStore
from restd.journal import Journal
from restd.lib.host import read_host
from restd.lib.tasks import TaskGroup
from restd.network.networks import Networks
from restd.succession import Inherited, Succession, Successor
from restd.volume.volumes import Volumes

log = logging.getLogger(__name__)

QUIET_SECONDS = 1.0
"""How long clients wait for others' requests before a worker goes; what takes longer is waited for while serving on."""
PARTING_SECONDS = 1.0
CUT_OFF_SECONDS = 1.0


class Application:
    """One engine in one process: `prepare`, then `start`; in the end `hand_over` or nothing, then `stop`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._events = Events()
        self._journal = Journal(config.state)
        self._succession = Succession(config.state)
        host = read_host()
        self._images = ImageStore(config.graph, self._events, registries=_registries(config))
        self._networks = Networks(config, self._events)
        self._volumes = Volumes(config.graph, self._events)
        self._containers = Containers(config, host, self._events, self._images, self._networks, self._volumes)
        self._engine = Engine(config, host, self._events, self._images, self._containers, self._networks, self._volumes)
        self._runner: DockerRunner | None = None

    async def start(self, sockets: Sequence[socket.socket], asked: Callable[[Successor], None]) -> None:
        """Take the state over, restore what was, then answer on `sockets`; clients wait in their backlog meanwhile.

        What needs no state is done before: another worker may be serving until then. `asked`: see `Succession.listen`.
        """
        logging.getLogger().setLevel(self._config.log_level.upper())
        await self._containers.prepare()
        self._runner = runner = make_runner(self._engine)
        await runner.setup()
        inherited = await self._succession.take()
        self._succession.listen(asked)
        self._events.resume(self._journal.open(), self._journal.append)
        await self._images.open()
        await self._networks.open()
        await self._volumes.open()
        await self._containers.open()
        await self._adopt(runner, inherited)
        await runner.listen(sockets)

    @staticmethod
    async def _adopt(runner: DockerRunner, inherited: list[Inherited]) -> None:
        for client in inherited:
            try:
                await runner.adopt(client.descriptor, client.data)
            except OSError as error:
                log.warning("a client's connection could not be taken over: %s", error)

    async def hand_over(self, successor: Successor, seconds: float) -> bool:
        """Give the idle clients to the next worker; the caller stops this one then. False if the next one has ended.

        The moment is chosen: while requests are in progress that take long, all clients are served, for `seconds` at
        most; then they are cut off by the stop.
        """
        assert self._runner is not None
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not await self._runner.quiesce(QUIET_SECONDS) and loop.time() < deadline:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await self._runner.resume()
        if successor.gone:
            await self._runner.resume()
            return False
        await self._runner.hand_over(successor.give, PARTING_SECONDS)
        return True

    async def stop(self, seconds: float) -> None:
        """End streams, let requests finish within `seconds`, let go of the state. Shims go on by themselves."""
        self._events.close()
        if self._runner is not None and self._runner.server is not None:
            await self._runner.stop_listening()
            await self._runner.hear_out()
            tasks = TaskGroup("stop")
            ending = tasks.start(self._runner.cleanup(), "connections")
            done, _ = await asyncio.wait([ending], timeout=seconds)
            if not done:
                log.warning("cut off after %.0f s: %s", seconds, ", ".join(self._runner.unfinished()))
                await self._runner.cut_off(CUT_OFF_SECONDS)
            await tasks.close()
        await self._containers.close()
        await self._volumes.close()
        await self._networks.close()
        await self._images.close()
        self._journal.close()
        await self._succession.release()


def _registries(config: Config) -> RegistrySettings:
    return RegistrySettings(
        mirrors=config.registry_mirrors,
        insecure=config.insecure_registries,
        certificates=config.certs_dir,
        downloads=config.max_concurrent_downloads,
        uploads=config.max_concurrent_uploads,
        attempts=config.max_download_attempts,
    )
