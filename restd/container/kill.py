"""Kill: a signal to the first process. KILL also waits for the end."""

from __future__ import annotations

import asyncio
import logging
import signal as signals
from dataclasses import replace

from restd.container import first_process, state
from restd.container.announce import Announcer
from restd.container.exited import Exits
from restd.container.registry import Entry
from restd.container.signals import DEFAULT_STOP, parse_signal
from restd.errors import Conflict, EngineError, SystemFailure
from restd.model.container import Container, Status
from restd.runtime.base import RuntimeFailure
from restd.runtime.dispatch import Runtimes

log = logging.getLogger(__name__)

KILL_ROUNDS, ROUND_SECONDS = 30, 0.5
"""How long the kernel and the shim may take from KILL to the exit record (streams are drained for 2 s at most)."""


async def kill(
    entry: Entry, reference: str, signal: str, runtimes: Runtimes, exits: Exits, announcer: Announcer
) -> None:
    """Send `signal` (a name or number, empty for KILL). InvalidParameter if there is none, Conflict if nothing runs."""
    number = parse_signal(signal) if signal else int(signals.SIGKILL)
    state.check_kill(entry.container, reference)
    if await exits.call_off(entry):
        return
    if number == signals.SIGKILL:
        await kill_at_once(entry, runtimes, exits, announcer)
    elif not await send(entry, number, runtimes, exits, announcer):
        raise Conflict(f"cannot kill container: {reference}: container {entry.container.id} is not running")


async def kill_at_once(entry: Entry, runtimes: Runtimes, exits: Exits, announcer: Announcer) -> None:
    """KILL, and wait for the end. SystemFailure if it doesn't come."""
    if not entry.container.state.running or await exits.call_off(entry):
        return
    await send(entry, signals.SIGKILL, runtimes, exits, announcer)
    for _ in range(KILL_ROUNDS):
        if await ended_within(entry, ROUND_SECONDS):
            return
        if entry.container.state.status is Status.PAUSED:  # by somebody else, before the signal arrived
            await send(entry, signals.SIGKILL, runtimes, exits, announcer)
    seconds = KILL_ROUNDS * ROUND_SECONDS
    raise SystemFailure(f"cannot kill container: {entry.container.id}: it did not end within {seconds:g} s of a KILL")


async def send(entry: Entry, number: int, runtimes: Runtimes, exits: Exits, announcer: Announcer) -> bool:
    """Send a signal; False if the container has ended before it could arrive.

    A frozen process takes a signal only when it is thawed: what asks it to end thaws it.
    """
    container = entry.container
    ending = number in (signals.SIGKILL, stop_signal(container))
    exits.signalled(entry, ending=ending)
    try:
        await runtimes.of(container).kill(container, number)
    except (EngineError, RuntimeFailure) as error:
        exits.notice(entry)
        if (isinstance(error, RuntimeFailure) and error.kind == "gone") or not entry.container.state.alive:
            return False
        if number != signals.SIGKILL or not first_process.kill(container.state.pid, container.id):
            raise SystemFailure(f"cannot kill container: {container.id}: {error}") from error
        log.warning("container %s: killed without %s, which could not: %s", container.id[:12], container.runtime, error)
    announcer(container, "kill", signal=str(int(number)))
    if ending and entry.container.state.status is Status.PAUSED:
        try:
            await runtimes.of(container).resume(container)
        except (EngineError, RuntimeFailure) as error:  # thawed by somebody else, or ended
            log.info("container %s was to be thawed to end it: %s", container.id[:12], error)
        if entry.container.state.status is Status.PAUSED:
            entry.container = replace(entry.container, state=state.unpaused(entry.container.state))
            announcer(entry.container, "unpause")
    return True


def stop_signal(container: Container) -> int:
    """The container's own, else TERM."""
    return parse_signal(container.config.stop_signal) if container.config.stop_signal else int(DEFAULT_STOP)


async def ended_within(entry: Entry, seconds: float | None) -> bool:
    """Wait for the end of the run, for ever if `seconds` is None; whether it came."""
    try:
        async with asyncio.timeout(seconds):
            await entry.exited.wait()
    except TimeoutError:
        return False
    return True
