"""Restarts that a policy asks for: waits out the pause, and starts the container again.

The pause is part of the state on disk (`restarting`, with the time of the end): a daemon that comes later takes up what
this one leaves, and starts at once what came due meanwhile. Only a few containers are started at a time, those whose
namespaces others join before the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator

from restd.container import restart_policy
from restd.container.registry import Entry, Registry
from restd.container.start import Starter
from restd.errors import EngineError, NotModified, Unavailable
from restd.lib.tasks import TaskGroup
from restd.lib.times import now_ns
from restd.model.container import Container, Status
from restd.oci.namespaces import joined

log = logging.getLogger(__name__)

AT_ONCE = 8
DONOR_SECONDS = 75.0
"""How long a container waits for another whose namespace it joins and which is about to be started too."""
LATER_SECONDS = 60.0
"""The pause when what the last run left is still not cleaned up."""
_SECOND = 1_000_000_000


class Revivals:
    """The pending restarts of one engine.

    `tasks` wait, and end with the daemon; `chores` start containers, and are given time to finish.
    """

    def __init__(self, registry: Registry, starter: Starter, tasks: TaskGroup, chores: TaskGroup) -> None:
        self._registry = registry
        self._starter = starter
        self._tasks = tasks
        self._chores = chores
        self._opened = asyncio.Event()
        self._few = asyncio.Semaphore(AT_ONCE)
        self._pending: dict[str, asyncio.Event] = {}

    def schedule(self, entry: Entry) -> None:
        """Start a `restarting` container again when its pause is over, but not before `open`."""
        container = entry.container
        left = container.state.finished_at + container.restart_pause - now_ns()
        # The clock may have been set meanwhile.
        self._start(entry, min(max(left, 0), container.restart_pause) / _SECOND, self._starter.again)

    def open(self) -> None:
        """All containers are known: start those that start with the daemon, and let pauses end."""
        starting = [entry for entry in self._registry if _rests(entry.container)]
        starting = [entry for entry in starting if restart_policy.starts_with_daemon(entry.container)]
        for entry in sorted(starting, key=lambda entry: entry.container.created):
            self._start(entry, 0, self._starter.start)
        self._opened.set()

    def _start(self, entry: Entry, seconds: float, start: Callable[[Entry], Awaitable[None]]) -> None:
        self._pending.setdefault(entry.container.id, asyncio.Event())
        with contextlib.suppress(RuntimeError):  # closing down: the next daemon takes it up
            entry.revival = self._tasks.start(self._later(entry, seconds, start), f"restart {entry.container.id[:12]}")

    async def _later(self, entry: Entry, seconds: float, start: Callable[[Entry], Awaitable[None]]) -> None:
        """Wait for everything that the start has to wait for, then let a chore do it: that is not cancelled with us."""
        try:
            await self._opened.wait()
            done = False
            while not done:
                await asyncio.sleep(seconds)
                await self._donors(entry.container)
                async with self._few:
                    chore = self._chores.start(_tried(entry, start), f"restart {entry.container.id[:12]}")
                    await asyncio.wait([chore])
                done, seconds = chore.cancelled() or chore.result(), LATER_SECONDS
        finally:
            if (event := self._pending.pop(entry.container.id, None)) is not None:
                event.set()

    async def _donors(self, container: Container) -> None:
        """Wait for the containers whose namespaces this one joins, if they are about to be started."""
        for name in _donors_of(container):
            if name != container.id and (event := self._pending.get(name)) is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(DONOR_SECONDS):
                        await event.wait()


async def _tried(entry: Entry, start: Callable[[Entry], Awaitable[None]]) -> bool:
    """Whether this is done with: only what still has to be cleaned up is tried again."""
    name = entry.container.id[:12]
    try:
        await start(entry)
    except Unavailable as error:
        log.warning("container %s can't be restarted yet: %s", name, error)
        return False
    except NotModified:  # somebody else was quicker
        pass
    except EngineError as error:
        log.error("container %s could not be restarted, and is left as it is: %s", name, error)
    return True


def _rests(container: Container) -> bool:
    return container.state.status in (Status.CREATED, Status.EXITED)


def _donors_of(container: Container) -> Iterator[str]:
    host_config = container.host_config
    for mode in (host_config.network_mode, host_config.ipc_mode, host_config.pid_mode):
        if name := joined(mode):
            yield name
