from __future__ import annotations

import asyncio
import socket

from restd.lib.hangups import HangupWatch, peer_left
from tests.unit.restd.api.door import run, until


def test_a_half_close_is_no_departure() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.shutdown(socket.SHUT_WR)
        assert not peer_left(ours.fileno())
        theirs.close()
        assert peer_left(ours.fileno())


def test_the_watch_tells_once_and_only_of_those_that_left() -> None:
    async def scenario() -> None:
        watch = HangupWatch()
        pairs = [socket.socketpair() for _ in range(3)]
        told: list[int] = []
        for number, (ours, _) in enumerate(pairs):
            watch.add(ours.fileno(), lambda number=number: told.append(number))  # type: ignore[misc]  # bound here
        watch.discard(pairs[0][0].fileno())
        for _, theirs in pairs[:2]:
            theirs.close()
        pairs[2][1].shutdown(socket.SHUT_WR)
        await until(lambda: told == [1], "the second has left")
        await asyncio.sleep(0.005)
        assert told == [1]
        watch.close()
        watch.close()
        for pair in pairs:
            for end in pair:
                end.close()

    run(scenario)
