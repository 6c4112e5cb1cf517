"""Logs: a container's log as a client asks for it, whether it runs or not."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from restd.container.registry import Entry
from restd.errors import Conflict, InvalidParameter, NotImplementedYet
from restd.logs import json_file
from restd.logs.query import LogQuery
from restd.model.container import Container, Status
from restd.runtime.nursery import ShimGone, ShimLink, ShimRefused


@dataclass(frozen=True, slots=True)
class LogStream:
    """`chunks` are ready to be sent: in frames if `framed` (no terminal), else as they were written."""

    framed: bool
    chunks: AsyncGenerator[bytes]

    def __aiter__(self) -> AsyncGenerator[bytes]:
        return self.chunks


async def read_logs(entry: Entry, query: LogQuery) -> LogStream:
    """The stream. Following ends with the container's run, and at once if it doesn't run.

    InvalidParameter if no stream was chosen, NotImplementedYet if the driver keeps no log, Conflict if the container
    is going away.
    """
    container = entry.container
    if not (query.stdout or query.stderr):
        raise InvalidParameter("Bad parameters: you must choose at least one stream")
    if container.state.status in (Status.REMOVING, Status.DEAD):
        raise Conflict("can not get logs from container which is dead or marked for removal")
    check_readable(container)
    link = entry.link if query.follow and container.state.alive else None
    bell = _bell(link) if link is not None else None
    framed = not container.config.tty
    return LogStream(framed, json_file.read(container.log_path, query, framed=framed, bell=bell))


def check_readable(container: Container) -> None:
    """NotImplementedYet, as in Docker, if the log driver keeps nothing that could be read."""
    if not container.log_path:
        raise NotImplementedYet("configured logging driver does not support reading")


def replay(container: Container, query: LogQuery) -> AsyncGenerator[bytes]:
    """The log so far, for an attach to a container that doesn't run."""
    return json_file.read(container.log_path, query, framed=not container.config.tty)


async def _bell(link: ShimLink) -> AsyncGenerator[None]:
    """The shim's doorbell; none if the shim has gone by now."""
    try:
        async for _ in link.log_watch():
            yield
    except (ShimGone, ShimRefused):
        return
