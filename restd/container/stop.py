"""Stop: the stop signal, some time, then KILL. Once begun it goes on, whether or not the client stays."""

from __future__ import annotations

import logging
import signal as signals

from restd.container import first_process, state
from restd.container.announce import Announcer
from restd.container.exited import Exits
from restd.container.kill import KILL_ROUNDS, ROUND_SECONDS, ended_within, kill_at_once, send, stop_signal
from restd.container.registry import Entry
from restd.container.signals import parse_signal
from restd.errors import SystemFailure
from restd.runtime.dispatch import Runtimes

log = logging.getLogger(__name__)

DEFAULT_SECONDS = 10
_LONGEST = 10 * 365 * 24 * 3600


async def stop(
    entry: Entry, timeout: int | None, signal: str, runtimes: Runtimes, exits: Exits, announcer: Announcer
) -> None:
    """End the run. `timeout` in seconds: None for the container's own, negative for no KILL. NotModified if ended."""
    number = parse_signal(signal) if signal else None
    state.check_stop(entry.container)
    await end(entry, timeout, number, runtimes, exits, announcer)
    announcer(entry.container, "stop")


async def end(
    entry: Entry, timeout: int | None, number: int | None, runtimes: Runtimes, exits: Exits, announcer: Announcer
) -> None:
    """The stop signal (or `number`), `timeout`, KILL; returns when nothing runs any more, or is about to."""
    if await exits.call_off(entry):
        return
    container = entry.container
    if timeout is None:
        timeout = container.config.stop_timeout if container.config.stop_timeout is not None else DEFAULT_SECONDS
    seconds = float(min(timeout, _LONGEST)) if timeout >= 0 else None
    wanted = number or stop_signal(container)
    if wanted != signals.SIGKILL:
        try:
            if not await send(entry, wanted, runtimes, exits, announcer):
                # It has ended, or its exit record is being written: a moment at most.
                seconds = 2.0 if seconds is None else max(seconds, 2.0)
        except SystemFailure as error:
            if seconds is None or not first_process.kill(container.state.pid, container.id):
                raise
            log.warning("container %s: killed, since its stop signal could not be sent: %s", container.id[:12], error)
            seconds = max(seconds, KILL_ROUNDS * ROUND_SECONDS)
        if await ended_within(entry, seconds):
            return
    await kill_at_once(entry, runtimes, exits, announcer)
