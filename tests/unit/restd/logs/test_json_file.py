import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from restd.lib.times import now_ns
from restd.logs.json_file import read
from restd.logs.query import LogQuery
from tests.unit.restd.logs.written import BOTH, line, numbered, texts

FOLLOW = replace(BOTH, follow=True)


class Bell:
    """A doorbell that the test rings."""

    def __init__(self) -> None:
        self._rings: asyncio.Queue[bool] = asyncio.Queue()
        self.watched = asyncio.Event()
        self.closed = False

    def ring(self) -> None:
        self._rings.put_nowait(True)

    def end(self) -> None:
        self._rings.put_nowait(False)

    async def __call__(self) -> AsyncGenerator[None]:
        try:
            self.watched.set()
            while await self._rings.get():
                yield
        finally:
            self.closed = True


async def everything(path: Path, query: LogQuery = BOTH, bell: Bell | None = None) -> bytes:
    chunks = read(str(path), query, framed=False, bell=bell() if bell else None)
    return b"".join([chunk async for chunk in chunks])


def test_what_is_there_and_no_more_without_follow(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(numbered(0, 5))
    assert asyncio.run(everything(tmp_path / "log")) == texts(0, 5)


def test_a_long_log_comes_in_pieces_of_bounded_size(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(numbered(0, 20000))

    async def sizes() -> list[int]:
        return [len(chunk) async for chunk in read(str(tmp_path / "log"), BOTH, framed=True)]

    found = asyncio.run(sizes())
    assert len(found) > 5
    assert max(found) <= 256 << 10


def test_following_takes_what_comes_and_ends_with_the_bell(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(numbered(0, 2))

    async def follow() -> bytes:
        bell = Bell()
        chunks = read(str(log), FOLLOW, framed=False, bell=bell())
        taken = await anext(chunks)
        with log.open("ab") as file:
            file.write(numbered(2, 4))
        bell.ring()
        taken += await anext(chunks)
        with log.open("ab") as file:
            file.write(numbered(4, 5))  # written without a ring, just before the end
        bell.end()
        async for chunk in chunks:
            taken += chunk
        assert bell.closed
        return taken

    assert asyncio.run(asyncio.wait_for(follow(), 10)) == texts(0, 5)


def test_following_ends_at_until_though_nothing_comes(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"")
    soon = replace(FOLLOW, until=now_ns() + 20_000_000)

    async def follow() -> bytes:
        return await everything(log, soon, Bell())

    assert asyncio.run(asyncio.wait_for(follow(), 10)) == b""


def test_following_ends_with_the_first_message_past_until(tmp_path: Path) -> None:
    log = tmp_path / "log"
    later = now_ns() + 3600 * 10**9
    log.write_bytes(numbered(0, 2) + line("late\n", later + 1))

    async def follow() -> bytes:
        bell = Bell()
        bell.ring()
        return await everything(log, replace(FOLLOW, until=later), bell)

    assert asyncio.run(asyncio.wait_for(follow(), 10)) == texts(0, 2)


def test_a_reader_that_stops_leaves_nothing_open(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(numbered(0, 2))

    async def leave() -> None:
        before = len(os.listdir("/proc/self/fd"))
        bell = Bell()
        async with contextlib.aclosing(read(str(log), FOLLOW, framed=False, bell=bell())) as chunks:
            await anext(chunks)
            more = asyncio.ensure_future(anext(chunks))
            await bell.watched.wait()
            with log.open("ab") as file:
                file.write(numbered(2, 3))
            bell.ring()
            await more
        assert bell.closed
        assert len(os.listdir("/proc/self/fd")) == before

    asyncio.run(asyncio.wait_for(leave(), 10))


def test_garbage_is_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "log").write_bytes(numbered(0, 1) + b"garbage\nmore\n" + numbered(1, 2))
    assert asyncio.run(everything(tmp_path / "log")) == texts(0, 2)
    assert [record.message for record in caplog.records if "2 lines" in record.message]
