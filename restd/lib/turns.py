"""Letting a few at a time do what takes a processor for a moment, without a slow one holding up the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """`width` turns at once, in the order of asking. One that lasts over `seconds` no longer counts."""

    def __init__(self, width: int, seconds: float) -> None:
        self._free = asyncio.Semaphore(width)
        self._seconds = seconds

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and have it until the end of the block."""
        await self._free.acquire()
        late = asyncio.get_running_loop().call_later(self._seconds, self._free.release)
        try:
            yield
        finally:
            if not late.cancelled() and late.when() > asyncio.get_running_loop().time():
                late.cancel()
                self._free.release()
