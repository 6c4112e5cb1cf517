from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from restd.errors import InvalidParameter
from restd.image.archive import OCI_LAYER, Found, render_manifest
from restd.image.blobs import BlobStore
from restd.image.layers import LayerStore
from restd.image.loading import Delivery, Pins, Stores, digests_of, run_in
from restd.image.spool import Member
from restd.image.unpack import UnpackLimits
from restd.model.image import LoadProgress
from tests.unit.restd.image.building import configuration, digest, small_layer, tar


class House:
    """Stores to deliver into, and spooled images to deliver."""

    def __init__(self, root: Path, pool: ThreadPoolExecutor) -> None:
        self.root = root
        for name in ("trash", "spool"):
            (root / name).mkdir()
        self.layers, self.blobs = LayerStore(str(root), str(root / "trash"), UnpackLimits()), BlobStore(str(root))
        self.layers.open()
        self.blobs.open()
        self.known: dict[str, str] = {}
        self.stores = Stores(self.layers, self.blobs, pool, asyncio.Semaphore(2), self.known.get)

    def member(self, data: bytes) -> Member:
        path = self.root / "spool" / hashlib.sha256(data).hexdigest()
        path.write_bytes(data)
        return Member(str(path), digest(data), len(data))

    def found(self, layers: list[bytes], config: bytes | None = None) -> Found:
        config = config or configuration(layers)
        members = [(self.member(layer), OCI_LAYER) for layer in layers]
        config_member = self.member(config)
        return Found(config_member, json.loads(config), render_manifest(config_member, members), None, tuple(members))

    def staged(self) -> int:
        return len([path for path in (self.root / "overlay").iterdir() if path.name.startswith("new-")])


def test_pins_count() -> None:
    pins = Pins()
    pins.hold(["a", "b"])
    pins.hold(["a"])
    pins.release(["a", "b"])
    assert "a" in pins
    assert "b" not in pins
    pins.release(["a"])
    assert "a" not in pins


@pytest.mark.root
def test_layers_and_blobs_come_to_their_places(tmp_path: Path) -> None:
    async def body(pool: ThreadPoolExecutor) -> None:
        house = House(tmp_path, pool)
        plain, packed = small_layer("1"), gzip.compress(small_layer("two"))
        progress: list[LoadProgress] = []
        (image,) = await Delivery(house.stores, progress.append).deliver([found := house.found([plain, packed, plain])])
        assert image.size == 5
        assert len(house.layers.all()) == 3
        assert set(house.blobs.all()) == {image.id, image.manifest_digest, digest(plain), digest(packed)}
        assert set(house.blobs.all()) | {layer.chain_id for layer in house.layers.all()} == digests_of([found])
        assert {one.layer for one in progress} == {digest(plain)[7:19], digest(packed)[7:19]}
        assert house.staged() == 0

    with ThreadPoolExecutor() as pool:
        asyncio.run(body(pool))


@pytest.mark.root
def test_a_layer_that_is_there_is_checked_all_the_same(tmp_path: Path) -> None:
    async def body(pool: ThreadPoolExecutor) -> None:
        house = House(tmp_path, pool)
        right, wrong = small_layer("right"), gzip.compress(small_layer("wrong"))
        await Delivery(house.stores, None).deliver([house.found([right])])
        with pytest.raises(InvalidParameter, match="diffID"):
            await Delivery(house.stores, None).deliver([house.found([wrong], configuration([right]))])
        house.known[digest(wrong)] = digest(right)  # as if it had been checked before
        await Delivery(house.stores, None).deliver([house.found([wrong], configuration([right]))])

    with ThreadPoolExecutor() as pool:
        asyncio.run(body(pool))


@pytest.mark.root
def test_one_bad_layer_stops_the_others_and_nothing_stays_staged(tmp_path: Path) -> None:
    async def body(pool: ThreadPoolExecutor) -> None:
        house = House(tmp_path, pool)
        layers = [small_layer(str(number)) for number in range(5)] + [tar(("../x", b""))]
        with pytest.raises(InvalidParameter, match="path escapes"):
            await Delivery(house.stores, None).deliver([house.found(layers)])
        assert house.staged() == 0
        assert house.layers.all() == []
        assert house.blobs.all() == []

    with ThreadPoolExecutor() as pool:
        asyncio.run(body(pool))


def test_a_cancelled_caller_waits_for_its_thread() -> None:
    async def body(pool: ThreadPoolExecutor) -> None:
        stop, ended = threading.Event(), threading.Event()

        def work() -> None:
            stop.wait(10)
            ended.set()

        task = asyncio.ensure_future(run_in(pool, stop.set, work))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()

    with ThreadPoolExecutor() as pool:
        asyncio.run(body(pool))
