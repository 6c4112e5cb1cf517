"""Notices clients that close for good after they had shut down their sending side.

asyncio stops to watch a socket at the end of its input. Whether the other side then also stops to listen is told by
EPOLLHUP and EPOLLERR, which epoll reports unasked. Sources: epoll_ctl(2), unix(7).
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable


def peer_left(descriptor: int) -> bool:
    """Whether the other side of a socket has closed, not only shut down its sending side."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return bool(poll.poll(0))


class HangupWatch:
    """Tells when a client that half-closed has closed for good: one epoll in which only HUP and ERR count."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll = select.epoll()
        self._watched: dict[int, Callable[[], None]] = {}
        loop.add_reader(self._epoll.fileno(), self._look)

    def add(self, descriptor: int, tell: Callable[[], None]) -> None:
        """Call `tell`, once, when the peer of `descriptor` is gone."""
        self._watched[descriptor] = tell
        self._epoll.register(descriptor, 0)

    def discard(self, descriptor: int) -> None:
        """Stop watching, before the descriptor is closed."""
        if self._watched.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def _look(self) -> None:
        for descriptor, _ in self._epoll.poll(0):
            tell = self._watched.get(descriptor)
            self.discard(descriptor)
            if tell is not None:
                tell()

    def close(self) -> None:
        """Stop watching everything."""
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
        self._watched.clear()
