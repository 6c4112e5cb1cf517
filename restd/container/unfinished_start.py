"""A start that a daemon which died had under way: finished if the process was let run, else undone."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import replace

from restd.container import first_process, run_folder, state
from restd.container.records import Records
from restd.container.registry import Entry
from restd.errors import EngineError
from restd.model.container import Container
from restd.runtime.base import RuntimeFailure
from restd.runtime.dispatch import Runtimes
from restd.runtime.nursery import ShimLink
from shim.protocol import PID_FILE

log = logging.getLogger(__name__)

STATUS_SECONDS = 3.0
"""How long a runtime may take to say what it knows: nobody is answered meanwhile."""


class UnfinishedStarts:
    """Takes them up. A container that is not known to run has a shim that lives, and no exit record."""

    def __init__(self, records: Records, runtimes: Runtimes) -> None:
        self._records = records
        self._runtimes = runtimes

    async def take_up(self, entry: Entry, link: ShimLink) -> bool:
        """True: it runs, or has run and ended. False: it was undone, and what it took is to be given back.

        The shim of an undone one is killed, with the runtime if that is still at work: so it ends no stream, and its
        clients stay for the next start.
        """
        container = entry.container
        pid = read_pid(container.run_directory)
        status = await self._status(container) if pid else "none"
        if status in ("running", "paused") or await _has_run(status, link):
            begun = state.begun(container, pid, _written(container.run_directory))
            if status == "paused":
                begun = replace(begun, state=state.paused(begun.state))
            entry.link = link
            entry.exited.clear()
            entry.container = begun
            self._records.save_state(entry.container)
            return True
        log.warning("container %s: its start was cut off and is undone", container.id)
        await link.kill()
        await first_process.end(pid, container.id)
        return False

    async def _status(self, container: Container) -> str:
        try:
            async with asyncio.timeout(STATUS_SECONDS):
                return await self._runtimes.of(container).status(container)
        except (EngineError, RuntimeFailure, TimeoutError) as error:
            log.warning("container %s: its runtime does not say what it does: %s", container.id, error)
            return "unknown"


async def _has_run(status: str, link: ShimLink) -> bool:
    """Whether a container that the runtime says has ended is confirmed by its shim."""
    if status not in ("stopped", "gone"):
        return False
    await run_folder.concluded(link)
    return link.read_exit_record() is not None


def read_pid(run_directory: str) -> int:
    """The pid of the container's first process, as its runtime wrote it; 0 if it has not."""
    try:
        with open(f"{run_directory}/{PID_FILE}", "rb") as file:
            return int(file.read(32))
    except (OSError, ValueError):
        return 0


def _written(run_directory: str) -> int:
    """When the first process was created, about (ns)."""
    try:
        return os.stat(f"{run_directory}/{PID_FILE}").st_mtime_ns
    except OSError:
        return 0
