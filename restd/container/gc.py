"""Goes on trying to clean what wouldn't go at once: a busy mount, a cgroup that still has a process, a hung runtime.

Each leftover is tried again with growing pauses, and said in the log at the first failure and whenever the pause has
grown. What is still there when the daemon ends is found again by restore.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from restd.errors import EngineError
from restd.lib.tasks import TaskGroup
from restd.runtime.base import RuntimeFailure

log = logging.getLogger(__name__)

FIRST_PAUSE, LAST_PAUSE = 0.5, 300.0
"""Seconds before the first new attempt, and between the last ones."""
Job = Callable[[], Awaitable[None]]


class Collector:
    """The leftovers of one engine, one task each."""

    def __init__(self, tasks: TaskGroup, first_pause: float = FIRST_PAUSE) -> None:
        self._tasks = tasks
        self._first = first_pause
        self._waiting: dict[str, str] = {}

    @property
    def leftovers(self) -> dict[str, str]:
        """What could not be cleaned so far, and why."""
        return dict(self._waiting)

    async def attempt(self, what: str, job: Job) -> bool:
        """Do `job` now; if it fails, go on trying in the background. Whether it is done."""
        try:
            await job()
            return True
        except (EngineError, RuntimeFailure, OSError) as error:
            log.warning("cannot clean up %s yet: %s", what, error)
            if what not in self._waiting:
                self._waiting[what] = str(error)
                self._tasks.start(self._again(what, job), f"clean {what}")
            return False

    async def _again(self, what: str, job: Job) -> None:
        pause = self._first
        while True:
            await asyncio.sleep(pause)
            try:
                await job()
                break
            except (EngineError, RuntimeFailure, OSError) as error:
                self._waiting[what] = str(error)
                if pause < LAST_PAUSE:
                    log.warning("still cannot clean up %s: %s; next attempt in %.0f s", what, error, pause * 2)
                pause = min(pause * 2, LAST_PAUSE)
        del self._waiting[what]
        log.info("cleaned up %s", what)
