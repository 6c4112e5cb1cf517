"""Attach: a client's connection joined to a container's streams, for good.

Nothing is written before it is certain that the attach can be had; after that the connection belongs to the shim (of a
running container), to the container's held connections (before a start), or is ended here (a replay of the log alone).
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
from dataclasses import asdict, replace

from restd.container.announce import Announcer
from restd.container.detach_keys import parse
from restd.container.handover import Client
from restd.container.held import HeldClients
from restd.container.logs import check_readable, replay
from restd.container.registry import Entry
from restd.errors import Conflict, NotFound
from restd.lib.tasks import TaskGroup
from restd.logs.query import LogQuery
from restd.model.connection import AttachOptions, Connection, Heads
from restd.model.container import Container, Status
from restd.runtime.nursery import ShimGone
from shim.protocol import OP_ATTACH, Attach

REPLAY_SECONDS = 10.0
"""How long a client may take for a piece of a replay; one that doesn't read is dropped."""


async def attach(
    entry: Entry,
    options: AttachOptions,
    connection: Connection,
    heads: Heads,
    held: HeldClients,
    replays: TaskGroup,
    announcer: Announcer,
) -> None:
    """Give the connection away as `options` ask. Raises before anything was written, or returns with it gone.

    `replays` owns replays of a log that go on after the return.

    Conflict: paused, restarting, going away, or as many are attached as may be. InvalidParameter: detach keys.
    """
    container = entry.container
    _check(container)
    request = _request(
        container, options, heads.stream_head(upgrade=connection.upgrade, framed=not container.config.tty)
    )
    if options.logs:
        check_readable(container)
    if not options.stream and not options.logs:
        Client(connection).end(request.head)
        return
    client = Client(connection)
    try:
        if not await _to_shim(entry, request, client):
            await _without_shim(entry, request, client, held, replays)
    except BaseException:
        client.close()
        raise
    announcer(container, "attach")


def _check(container: Container) -> None:
    match container.state.status:
        case Status.PAUSED:
            raise Conflict(f"container {container.id} is paused, unpause the container before attach")
        case Status.RESTARTING:
            raise Conflict(f"container {container.id} is restarting, wait until the container is running")
        case Status.REMOVING | Status.DEAD:
            raise Conflict(f"container {container.id} is marked for removal and cannot be attached to")


def _request(container: Container, options: AttachOptions, head: bytes) -> Attach:
    keys = parse(options.detach_keys)
    return Attach(
        head=head.decode("latin-1"),
        stdin=options.stream and options.stdin,
        stdout=options.stdout,
        stderr=options.stderr,
        framed=not container.config.tty,
        replay=options.logs,
        follow=options.stream,
        detach_keys=keys if container.config.tty else [],
    )


async def _to_shim(entry: Entry, request: Attach, client: Client) -> bool:
    """Hand over to the shim of a running container; False if there is none. ShimRefused (a Conflict) if it won't."""
    if not entry.container.state.alive or entry.link is None:
        return False
    borrowed = client.borrow()
    fields = asdict(replace(request, early=base64.b64encode(borrowed.early).decode()))
    try:
        await entry.link.request(OP_ATTACH, fields, borrowed.descriptor)
    except ShimGone:
        return False
    client.given()
    return True


async def _without_shim(entry: Entry, request: Attach, client: Client, held: HeldClients, replays: TaskGroup) -> None:
    """The container does not run: replay its log if that was asked, and keep the connection for its next start."""
    async with entry.lock:
        if entry.removed.is_set():
            raise NotFound(f"No such container: {entry.container.id}")
        _check(entry.container)
        # It was started while we waited for the lock. (A shim that has gone is the end of the run: no stream is left.)
        running = entry.container.state.alive
        if running and await _to_shim(entry, request, client):
            return
        if running or not request.follow:
            _answer(entry.container, request, client, replays)
            return
        borrowed = client.borrow()
        early = base64.b64encode(borrowed.early).decode()
        held.check(entry, Attach, len(early))
        if request.replay:
            # Under the lock, so that nothing is missed: a start, and its output, comes after the replay.
            if not await _replay(entry.container, request, os.dup(borrowed.descriptor)):
                client.given()
                return
            request = replace(request, head="", replay=False)
        await held.hold(entry, client.keep(), replace(request, early=early))


def _answer(container: Container, request: Attach, client: Client, replays: TaskGroup) -> None:
    """There is no stream to come: the log so far if that was asked, and the end."""
    if request.replay:
        replays.start(_replay(container, request, client.keep()), "replay")
    else:
        client.end(request.head)


async def _replay(container: Container, request: Attach, descriptor: int) -> bool:
    """Send the head and the log so far; whether the client took it all. Closes the descriptor."""
    loop = asyncio.get_running_loop()
    query = LogQuery(stdout=request.stdout, stderr=request.stderr)
    with socket.socket(fileno=descriptor) as connection:
        connection.setblocking(False)
        try:
            async with asyncio.timeout(REPLAY_SECONDS):
                await loop.sock_sendall(connection, request.head.encode("latin-1"))
            async for chunk in replay(container, query):
                async with asyncio.timeout(REPLAY_SECONDS):
                    await loop.sock_sendall(connection, chunk)
        except OSError:  # TimeoutError is one
            return False
    return True
