from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from restd.errors import SystemFailure
from restd.events import Events
from restd.image import intake
from restd.image.store import ImageStore
from tests.unit.restd.image.building import contents, pieces, small_image, small_layer, with_store

pytestmark = pytest.mark.root


def test_a_disk_that_fails_is_a_system_failure_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> None:
        raise OSError(28, "No space left on device")

    async def body(store: ImageStore, _: Events) -> None:
        monkeypatch.setattr(intake, "sync_file_system", fail)
        for attempt in (store.load(pieces(small_image())), store.import_(pieces(small_layer()), "a")):
            with pytest.raises(SystemFailure, match="No space left"):
                await attempt
        assert contents(str(tmp_path)) == set()
        assert store.list() == []

    with_store(str(tmp_path), body)


def test_only_a_few_streams_are_read_at_once_and_the_others_wait(tmp_path: Path) -> None:
    async def body(store: ImageStore, _: Events) -> None:
        reading, go = 0, asyncio.Event()

        async def held(data: bytes) -> AsyncIterator[bytes]:
            nonlocal reading
            reading += 1
            yield data[:1000]
            await go.wait()
            yield data[1000:]

        loads = [asyncio.ensure_future(store.load(held(small_image(f"a:{number}")))) for number in range(7)]
        while reading < 4:
            await asyncio.sleep(0.001)
        for _turn in range(20):
            await asyncio.sleep(0)
        assert reading == 4
        go.set()
        await asyncio.gather(*loads)
        assert len(store.resolve("a:6").repo_tags) == 7

    with_store(str(tmp_path), body)


def test_a_stop_of_the_engine_does_not_wait_for_a_client(tmp_path: Path) -> None:
    async def body(store: ImageStore, _: Events) -> None:
        started = asyncio.Event()

        async def stalled() -> AsyncIterator[bytes]:
            yield small_image()[:2000]
            started.set()
            await asyncio.Event().wait()

        load = asyncio.ensure_future(store.load(stalled()))
        await started.wait()
        await asyncio.wait_for(store.close(), 10)
        load.cancel()
        with pytest.raises(asyncio.CancelledError):
            await load
        assert contents(str(tmp_path)) == set()

    with_store(str(tmp_path), body)
