"""Wait: the exit code, now if it is known, else on the client's connection when the time comes.

A wait on a running container goes to its shim, which answers even if the daemon is dead by then; one on a container
that doesn't run, or is about to be restarted, is kept until a start or the removal.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass

from restd.container.handover import Client
from restd.container.held import HeldClients
from restd.container.registry import Entry
from restd.errors import InvalidParameter, SystemFailure
from restd.model.connection import Connection, Heads
from restd.model.container import Container
from restd.runtime.nursery import ShimGone
from shim.protocol import OP_WAIT, Wait

NOT_RUNNING, NEXT_EXIT, REMOVED = "not-running", "next-exit", "removed"
_NOTICE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class WaitResult:
    """The answer to a wait. `error` is empty but for an exit that nobody saw."""

    status_code: int
    error: str = ""


async def wait(
    entry: Entry, condition: str, connection: Connection, heads: Heads, held: HeldClients
) -> WaitResult | None:
    """The result if `condition` holds already; None if the connection was given away, its head sent or to be sent.

    InvalidParameter for an unknown condition (empty means not-running).
    """
    condition = condition or NOT_RUNNING
    if condition not in (NOT_RUNNING, NEXT_EXIT, REMOVED):
        raise InvalidParameter(f'invalid condition: "{condition}"')
    if condition == NOT_RUNNING and not entry.container.state.running:
        return _result(entry.container)
    request = Wait(head=heads.wait_head().decode("latin-1"), removed=condition == REMOVED)
    client = Client(connection)
    try:
        if await _to_shim(entry, request, client):
            return None
        return await _without_shim(entry, condition, request, client, held)
    finally:
        client.close()


def _result(container: Container) -> WaitResult:
    state = container.state
    return WaitResult(state.exit_code, state.error if state.exit_unknown else "")


async def _to_shim(entry: Entry, request: Wait, client: Client) -> bool:
    """Hand over to the shim of a running container; False if there is none."""
    if not entry.container.state.alive or entry.link is None:
        return False
    try:
        await entry.link.request(OP_WAIT, asdict(request), client.borrow().descriptor)
    except ShimGone:
        return False
    client.given()
    return True


async def _without_shim(
    entry: Entry, condition: str, request: Wait, client: Client, held: HeldClients
) -> WaitResult | None:
    """The container doesn't run, or ends just now: answer, or keep the connection for the next start.

    The end of a run answers also if a restart follows it.
    """
    ended_now = entry.container.state.alive
    if ended_now:
        await _noticed(entry)
    async with entry.lock:
        if entry.removed.is_set() or (ended_now and condition != REMOVED):
            return _result(entry.container)
        if entry.container.state.alive:  # started while we waited for the lock
            if await _to_shim(entry, request, client):
                return None
            raise SystemFailure(f"the shim of container {entry.container.id} ended while it was asked to wait")
        if condition == NOT_RUNNING and not entry.container.state.running:
            return _result(entry.container)
        held.check(entry, Wait)
        await held.hold(entry, client.keep(), request)
        return None


async def _noticed(entry: Entry) -> None:
    """Until the engine knows of an exit that its shim has gone with."""
    try:
        async with asyncio.timeout(_NOTICE_SECONDS):
            await entry.exited.wait()
    except TimeoutError as error:
        raise SystemFailure(f"the shim of container {entry.container.id} is gone without a word") from error
