"""Notices when the other side of a socket has closed for good, whatever it has sent and whoever reads it.

asyncio stops to watch a socket at the end of its input, and must not look at a socket whose input is for somebody else.
Whether the other side also stops to listen is told by EPOLLHUP and EPOLLERR, which epoll reports unasked. Sources:
epoll_ctl(2), unix(7).
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable

_BATCH = 64


def peer_left(descriptor: int) -> bool:
    """Whether the other side of a socket has closed, not only shut down its sending side."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return bool(poll.poll(0))


class HangupWatch:
    """Tells when a client has closed for good: one epoll for all, in which only HUP and ERR count.

    It is made, on the running loop, when the first descriptor is added.
    """

    def __init__(self) -> None:
        self._epoll: select.epoll | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watched: dict[int, Callable[[], None]] = {}

    def __len__(self) -> int:
        return len(self._watched)

    def add(self, descriptor: int, tell: Callable[[], None]) -> None:
        """Call `tell`, once, when the peer of `descriptor` is gone."""
        if self._epoll is None:
            self._epoll = select.epoll()
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._epoll.fileno(), self._look)
        self._epoll.register(descriptor, 0)
        self._watched[descriptor] = tell

    def discard(self, descriptor: int) -> None:
        """Stop watching, before the descriptor is closed: a copy elsewhere would keep the registration alive."""
        if self._watched.pop(descriptor, None) is not None and self._epoll is not None:
            self._epoll.unregister(descriptor)

    def _look(self) -> None:
        assert self._epoll is not None
        for descriptor, _ in self._epoll.poll(0, _BATCH):
            tell = self._watched.get(descriptor)
            self.discard(descriptor)
            if tell is not None:
                tell()

    def close(self) -> None:
        """Stop watching everything."""
        if self._epoll is not None and self._loop is not None:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None
        self._watched.clear()
