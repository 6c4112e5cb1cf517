"""Restart: stop if it runs, then start. An AutoRemove container is not removed in between."""

from __future__ import annotations

import contextlib

from restd.container.announce import Announcer
from restd.container.exited import Exits
from restd.container.registry import Entry
from restd.container.signals import parse_signal
from restd.container.start import Starter
from restd.container.stop import end
from restd.errors import NotModified
from restd.runtime.dispatch import Runtimes


async def restart(
    entry: Entry,
    timeout: int | None,
    signal: str,
    runtimes: Runtimes,
    exits: Exits,
    announcer: Announcer,
    starter: Starter,
) -> None:
    """`timeout` and `signal` as in `stop`."""
    number = parse_signal(signal) if signal else None
    entry.restarting += 1
    try:
        if entry.container.state.running:
            await end(entry, timeout, number, runtimes, exits, announcer)
            announcer(entry.container, "stop")
        with contextlib.suppress(NotModified):  # somebody else was quicker
            await starter.start(entry)
    finally:
        entry.restarting -= 1
    announcer(entry.container, "restart")
