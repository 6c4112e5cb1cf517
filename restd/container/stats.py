"""Stats: what a container uses, read from its cgroup's files, once or every second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from restd.container.registry import Entry
from restd.lib.usage import Usage, read_usage

INTERVAL = 1.0


async def sample(entry: Entry) -> Usage | None:
    """One reading; None if the container doesn't run. In a thread: the kernel sums up as it is read."""
    state = entry.container.state
    if not state.alive:
        return None
    usage = await asyncio.to_thread(read_usage, state.pid, entry.container.id)
    if usage is not None and entry.container.host_config.network_mode == "host":
        return replace(usage, networks={})  # these devices are not its own
    return usage


async def samples(entry: Entry) -> AsyncIterator[tuple[str, Usage | None]]:
    """Name and reading, now and every second until the container is removed; None while it doesn't run."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while not entry.removed.is_set():
        yield entry.container.name, await sample(entry)
        due = max(due + INTERVAL, loop.time())  # a client that was behind gets no readings at once
        try:
            async with asyncio.timeout_at(due):
                await entry.removed.wait()
        except TimeoutError:
            continue
