"""Rename: another name for a container, running or not."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from restd.container import state
from restd.container.announce import Announcer
from restd.container.check import check_name
from restd.container.records import Records
from restd.container.registry import Entry, Registry
from restd.container.sandboxes import Sandboxes
from restd.errors import InvalidParameter, SystemFailure


async def rename(
    entry: Entry, name: str, registry: Registry, records: Records, announcer: Announcer, sandboxes: Sandboxes
) -> None:
    """On return the new name survives a power cut and the old one is free. Conflict if the new one is taken."""
    name = name.removeprefix("/")
    if not name:
        raise InvalidParameter("Neither old nor new names may be empty")
    check_name(name)
    async with entry.lock:
        container = entry.container
        state.check_rename(container)
        if name == container.name:
            raise InvalidParameter("Renaming a container with the same name as its current name")
        registry.reserve_name(name, container.id)
        try:
            await asyncio.to_thread(records.save_config, replace(container, name=name))
        except OSError as error:
            registry.release_name(name, container.id)
            raise SystemFailure(f"cannot rename container {container.id}: {error}") from error
        # The state may have moved meanwhile: an exit takes no lock.
        entry.container = replace(entry.container, name=name)
        registry.release_name(container.name, container.id)
        await sandboxes.renamed(entry)
        announcer(entry.container, "rename", oldName=f"/{container.name}")
