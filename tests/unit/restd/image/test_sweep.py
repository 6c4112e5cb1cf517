from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from restd.image import sweep as module
from restd.image.blobs import BlobStore
from restd.image.catalogue import Catalogue
from restd.image.layers import Layer, LayerStore
from restd.image.loading import Pins
from restd.image.sweep import Sweep
from restd.image.unpack import UnpackLimits
from restd.lib.tasks import TaskGroup
from tests.unit.restd.image.building import digest

A, B, C = (digest(letter) for letter in (b"a", b"b", b"c"))


class House:
    """A sweep over three layers and blobs of the same digests, none in use."""

    def __init__(self, root: Path) -> None:
        trash = str(root / "trash")
        (root / "trash").mkdir()
        self.catalogue, self.blobs, self.pins = Catalogue(str(root)), BlobStore(str(root)), Pins()
        self.layers, self.tasks = LayerStore(str(root), trash, UnpackLimits()), TaskGroup("test")
        self.blobs.open()
        self.layers.open()
        for name in (A, B, C):
            self.layers.adopt(self.layers.stage(), Layer(name, name, "", 1))
            self.blobs.write(name, b"x")
        self.sweep = Sweep(self.catalogue, self.layers, self.blobs, self.pins, trash, self.tasks)
        self.trash = root / "trash"

    def left(self) -> set[str]:
        assert {layer.chain_id for layer in self.layers.all()} == set(self.blobs.all())
        return set(self.blobs.all())


def run(root: Path, body: Callable[[House], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        house = House(root)
        await body(house)
        assert await house.tasks.drain(10)
        assert list(house.trash.iterdir()) == []

    asyncio.run(all_of_it())


def test_what_is_used_or_pinned_stays_and_the_rest_goes(tmp_path: Path) -> None:
    async def body(house: House) -> None:
        house.catalogue.blob_uses[A] = house.catalogue.layer_uses[A] = 1
        house.pins.hold([B])
        house.pins.hold([B])
        assert [layer.chain_id for layer in house.sweep.collect([A, B, C])] == [C]
        house.pins.release([B])
        assert house.sweep.collect([B]) == []
        house.pins.release([B])
        assert [layer.chain_id for layer in house.sweep.collect([B])] == [B]
        assert house.left() == {A}

    run(tmp_path, body)


def test_what_a_container_holds_goes_when_the_container_lets_go(tmp_path: Path) -> None:
    async def body(house: House) -> None:
        held = {A}
        house.sweep.held = held.__contains__
        house.catalogue.blob_uses[A] = 1
        assert house.sweep.collect([A]) == []
        held.clear()
        house.sweep.released([A])
        assert house.layers.get(A) is None

    run(tmp_path, body)


def test_a_start_clears_whatever_nothing_uses(tmp_path: Path) -> None:
    async def body(house: House) -> None:
        house.catalogue.blob_uses[B] = house.catalogue.layer_uses[B] = 1
        Path(house.blobs.directory, "half.new").write_bytes(b"x")
        house.sweep.everything()
        house.sweep.empty_trash()
        assert house.left() == {B}

    run(tmp_path, body)


def test_a_directory_is_discarded_by_the_trash(tmp_path: Path) -> None:
    async def body(house: House) -> None:
        (tmp_path / "work/deep").mkdir(parents=True)
        house.sweep.discard(str(tmp_path / "work"))
        house.sweep.discard(str(tmp_path / "never"))
        assert not (tmp_path / "work").exists()

    run(tmp_path, body)


def test_what_comes_while_the_trash_is_being_emptied_goes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked, go_on = threading.Event(), threading.Event()

    def slow(trash: str) -> None:
        names = os.listdir(trash)
        looked.set()
        go_on.wait(5)
        for name in names:
            os.rmdir(os.path.join(trash, name))

    monkeypatch.setattr(module, "empty_trash", slow)

    async def body(house: House) -> None:
        house.sweep.empty_trash()
        await asyncio.to_thread(looked.wait, 5)
        (tmp_path / "work").mkdir()
        house.sweep.discard(str(tmp_path / "work"))
        go_on.set()

    run(tmp_path, body)
