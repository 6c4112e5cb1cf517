"""Connect and disconnect: a container's networks change, at once while it runs, else with its next start."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from restd.container import places
from restd.container.records import Records
from restd.container.registry import Entry
from restd.container.sandboxes import Sandboxes
from restd.errors import Conflict, Forbidden, InvalidParameter, NotFound, SystemFailure
from restd.model.container import Container, Endpoint, Status
from restd.model.network import HOST, NONE, Network
from restd.network.networks import Networks
from restd.oci.namespaces import joined


async def connect(
    entry: Entry, reference: str, asked: Endpoint, networks: Networks, records: Records, sandboxes: Sandboxes
) -> None:
    """Put a container on one more network. On return that survives a power cut.

    Forbidden if it is there already, InvalidParameter if the two can't go together; what fails changes nothing.
    """
    network = networks.get(reference)
    async with entry.lock:
        container = entry.container
        _check_state(container)
        if network.name in container.endpoints and (not _runs(container) or container.sandbox.endpoint(network.name)):
            raise Forbidden(f"endpoint with name {container.name} already exists in network {network.name}")
        _check_kinds(container, network)
        asked = replace(asked, network_id=network.id)
        networks.check(places.request(container, network.name, asked))
        changed = replace(container, endpoints={**container.endpoints, network.name: asked})
        await _save(records, changed)
        entry.container = replace(entry.container, endpoints=changed.endpoints)
        if not _runs(entry.container):
            return
        try:
            await sandboxes.connect(entry, network)
        except BaseException:
            entry.container = replace(entry.container, endpoints=container.endpoints)
            await _save(records, entry.container)
            raise


async def disconnect(
    entry: Entry, reference: str, networks: Networks, records: Records, sandboxes: Sandboxes, *, force: bool
) -> None:
    """Take a container off a network. With `force` also off one that is gone."""
    try:
        network: Network | None = networks.get(reference)
    except NotFound:
        if not force:
            raise
        network = None
    name = network.name if network is not None else reference
    async with entry.lock:
        container = entry.container
        _check_state(container)
        if container.host_config.network_mode == HOST and name == HOST:
            raise InvalidParameter(places.HOST_CONFLICT)
        place = container.sandbox.endpoint(name) if _runs(container) else None
        if name not in container.endpoints and place is None:
            the = "" if _runs(container) else "the "
            raise SystemFailure(f"container {container.id} is not connected to {the}network {name}")
        if place is not None:
            await sandboxes.disconnect(entry, place)
        kept = {key: value for key, value in entry.container.endpoints.items() if key != name}
        await _save(records, replace(entry.container, endpoints=kept))
        entry.container = replace(entry.container, endpoints=kept)


def _runs(container: Container) -> bool:
    return container.state.status in (Status.RUNNING, Status.PAUSED)


def _check_state(container: Container) -> None:
    if container.state.status in (Status.REMOVING, Status.DEAD):
        raise Conflict(
            f"container {container.id} is marked for removal and cannot be connected or disconnected to the network"
        )


def _check_kinds(container: Container, network: Network) -> None:
    """Docker's rules of what can't be had together."""
    mode = container.host_config.network_mode
    if joined(mode):
        raise InvalidParameter(places.SHARED_CONFLICT)
    if container.endpoints:
        if HOST in (network.name, *container.endpoints):
            raise InvalidParameter(places.HOST_CONFLICT)
        if NONE in (network.name, *container.endpoints):
            raise InvalidParameter(places.NONE_CONFLICT)
    elif _runs(container) and not container.sandbox.key:
        raise InvalidParameter(places.SHARED_CONFLICT if mode == HOST else places.NONE_CONFLICT)


async def _save(records: Records, container: Container) -> None:
    try:
        await asyncio.to_thread(records.save_config, container)
    except OSError as error:
        raise SystemFailure(f"cannot write container {container.id}: {error}") from error
