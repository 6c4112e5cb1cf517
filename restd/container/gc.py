"""Goes on trying to clean what wouldn't go at once: a busy mount, a cgroup that still has a process, a hung runtime.

Each leftover is tried again with growing pauses. It is said in the log at the first failure and whenever the pause has
grown, shown by inspect of its container, and among the warnings of `/info`. What is still there when the daemon ends is
found again by restore, which begins anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from restd.errors import EngineError
from restd.lib.tasks import TaskGroup
from restd.lib.times import now_ns
from restd.runtime.base import RuntimeFailure

log = logging.getLogger(__name__)

FIRST_PAUSE, LAST_PAUSE = 0.5, 300.0
"""Seconds before the first new attempt, and between the last ones."""
Job = Callable[[], Awaitable[None]]
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Leftover:
    """What could not be cleaned up so far. `owner` is a container's id or empty; times in nanoseconds."""

    what: str
    owner: str
    error: str
    since: int
    attempts: int
    next_at: int


class Collector:
    """The leftovers of one engine, one task each."""

    def __init__(self, tasks: TaskGroup, first_pause: float = FIRST_PAUSE) -> None:
        self._tasks = tasks
        self._first = first_pause
        self._waiting: dict[str, Leftover] = {}

    @property
    def leftovers(self) -> tuple[Leftover, ...]:
        """What could not be cleaned so far, the oldest first."""
        return tuple(self._waiting.values())

    def of(self, owner: str) -> tuple[Leftover, ...]:
        """What a container has left behind."""
        if not self._waiting:
            return ()
        return tuple(left for left in self._waiting.values() if left.owner == owner)

    async def attempt(self, what: str, job: Job, owner: str = "") -> bool:
        """Do `job` now; if it fails, go on trying in the background. Whether it is done.

        `what` names it for people, and tells it from all others.
        """
        try:
            await job()
            return True
        except (EngineError, RuntimeFailure, OSError) as error:
            log.warning("cannot clean up %s yet: %s", what, error)
            if what not in self._waiting:
                now = now_ns()
                self._waiting[what] = Leftover(what, owner, str(error), now, 1, now + int(self._first * _SECOND))
                self._tasks.start(self._again(what, job), f"clean {what}")
            return False

    async def _again(self, what: str, job: Job) -> None:
        pause = self._first
        try:
            while True:
                await asyncio.sleep(pause)
                try:
                    await job()
                    break
                except (EngineError, RuntimeFailure, OSError) as error:
                    if pause < LAST_PAUSE:
                        pause = min(pause * 2, LAST_PAUSE)
                        log.warning("still cannot clean up %s: %s; next attempt in %.0f s", what, error, pause)
                    left = self._waiting[what]
                    self._waiting[what] = replace(
                        left,
                        error=str(error),
                        attempts=left.attempts + 1,
                        next_at=now_ns() + int(pause * _SECOND),
                    )
        finally:
            del self._waiting[what]
        log.info("cleaned up %s", what)
