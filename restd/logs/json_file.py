"""Reading a json-file log for a client: what is there, then what comes.

The shim writes and rotates the files; this only reads them, in a thread, a block at a time, so that memory stays
bounded and the loop free however long the log is. A doorbell says when there is more; its end is the end of the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator

from restd.lib.times import now_ns
from restd.logs.files import LogFiles
from restd.logs.messages import Renderer
from restd.logs.query import LogQuery

log = logging.getLogger(__name__)


async def read(
    path: str, query: LogQuery, *, framed: bool, bell: AsyncGenerator[None] | None = None
) -> AsyncGenerator[bytes]:
    """Chunks of what `query` asks for, in the log's order, never empty.

    `bell` is rung when the log may have grown and ends with the container's run; it is only used with
    `query.follow`, and closed here. A message comes exactly once, also over rotations.
    """
    renderer = Renderer(query, framed=framed)
    files = LogFiles(path)
    try:
        follow = query.follow and bell is not None
        files.bounded = not follow
        await asyncio.to_thread(files.seek, query)
        while chunk := await asyncio.to_thread(_chunk, files, renderer):
            yield chunk
        if follow and bell is not None:
            async with contextlib.aclosing(_until(bell, query.until)) as rings:
                async for _ in rings:
                    while chunk := await asyncio.to_thread(_chunk, files, renderer):
                        yield chunk
                    if renderer.past_until:
                        break
            while chunk := await asyncio.to_thread(_chunk, files, renderer):
                yield chunk
    finally:
        files.close()
        if bell is not None:
            await bell.aclose()
        if renderer.skipped:
            log.warning("%s: %d lines are no log messages and were left out", path, renderer.skipped)


def _chunk(files: LogFiles, renderer: Renderer) -> bytes:
    """The next piece that has something for the client; empty at the end of what is there, or past `until`."""
    while not renderer.past_until and (lines := files.take()):
        if chunk := renderer.render(lines):
            return chunk
    return b""


async def _until(bell: AsyncGenerator[None], until: int) -> AsyncGenerator[None]:
    """The rings of `bell`, until its end, or the time `until` (nanoseconds; 0 for no limit)."""
    try:
        while True:
            seconds = max(0.0, (until - now_ns()) / 1e9) if until else None
            async with asyncio.timeout(seconds):
                await anext(bell)
            yield
    except (StopAsyncIteration, TimeoutError):
        return
