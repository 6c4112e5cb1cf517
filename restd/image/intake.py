"""Bringing images in: `docker load` and `docker import`, from the first byte of the stream to the catalogue.

Order of durability: blobs and layers, one flush of the file system, then the metadata that makes them count. Whatever
fails or is cancelled on the way leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from restd.errors import InvalidParameter, SystemFailure, Unavailable
from restd.image.archive import OCI_LAYER, Found, Platform, read_archive, render_manifest
from restd.image.catalogue import Catalogue
from restd.image.changes import apply_changes
from restd.image.commit import CommitRequest, committed
from restd.image.compression import LONGEST_MAGIC, recognise
from restd.image.ledger import Ledger
from restd.image.loading import Arrivals, Delivery, Pins, Progress, Stores, digests_of, run_in
from restd.image.references import Reference, parse_reference
from restd.image.spool import Feed, FileSpooler, Member, Spooler
from restd.image.sweep import Sweep
from restd.image.tree import pack_layer
from restd.lib.mounts import sync_file_system
from restd.lib.times import now_ns, to_rfc3339
from restd.model.image import Image, LoadProgress

PREFIX = "image-"
_LOADS = 4

T = TypeVar("T")


class Source(Arrivals, Protocol):
    """Where an image comes from in parts: a registry."""

    async def describe(self, directory: str) -> Found:
        """The image, whose members will lie in `directory` once they have arrived."""

    def progress(self, step: LoadProgress) -> None:
        """Hear how far the unpacking of a layer is."""


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What an import makes of a root file system: see `docker import`. `changes` are Dockerfile instructions."""

    reference: Reference | None
    message: str
    changes: tuple[str, ...]
    platform: Platform


class Intake:
    """Loads and imports. A few run at once; the others wait for their turn without reading their streams."""

    def __init__(
        self,
        directory: str,
        limit: int,
        stores: Stores,
        catalogue: Catalogue,
        ledger: Ledger,
        pins: Pins,
        sweep: Sweep,
    ) -> None:
        self._directory, self._limit, self._stores = directory, limit, stores
        self._catalogue, self._ledger, self._pins, self._sweep = catalogue, ledger, pins, sweep
        self._turns = asyncio.Semaphore(_LOADS)
        self._stops: set[Callable[[], None]] = set()

    def close(self) -> None:
        """The engine stops: end what is under way, so that no thread waits for a stream that will not go on."""
        for stop in list(self._stops):
            stop()

    @contextlib.contextmanager
    def _stoppable(self, stop: Callable[[], None]) -> Iterator[None]:
        self._stops.add(stop)
        try:
            yield
        finally:
            self._stops.discard(stop)

    async def load(
        self, stream: AsyncIterator[bytes], wanted: Platform, progress: Progress | None
    ) -> list[tuple[Image, tuple[str, ...]]]:
        """Take an archive; the images that came and the names each got, in the archive's order."""
        async with self._turns:
            with self.workspace() as directory:
                spooler = Spooler(directory, self._stores.blobs.directory, self._limit)
                spool = await self._pump(stream, spooler.run, spooler.stop)
                found = await self._thread(lambda: read_archive(spool, wanted))
                images = await self._take(Delivery(self._stores, progress), found)
        return [(image, tuple(item.names)) for image, item in zip(images, found, strict=True)]

    async def import_(self, stream: AsyncIterator[bytes], request: ImportRequest) -> Image:
        """Make an image of one layer from a root file system."""
        config = apply_changes({}, request.changes)
        async with self._turns:
            with self.workspace() as directory:
                spooler = FileSpooler(os.path.join(directory, "layer"), self._limit)
                layer = await self._pump(stream, spooler.run, spooler.stop)
                if not layer.size:
                    raise InvalidParameter("invalid archive: it is empty")
                delivery = Delivery(self._stores, None)
                try:
                    diff_id = await delivery.stage_lowest(layer)
                    found = _imported(layer, diff_id, config, request, directory)
                    images = await self._take(delivery, [found])
                finally:
                    delivery.close()
        return images[0]

    async def fetch(self, source: Source) -> Image:
        """Take an image that comes in parts: its description first, then its layers as they arrive."""
        with self.workspace() as directory:
            found = await source.describe(directory)
            delivery = Delivery(self._stores, source.progress, source)
            return (await self._take(delivery, [found]))[0]

    async def commit(self, request: CommitRequest) -> Image:
        """Make an image on top of another."""
        with self.workspace() as directory:
            new = None
            if request.upper is not None:
                path = os.path.join(directory, "layer")
                new = Member(path, *await pack_layer(request.upper, path))
            found = await self._thread(lambda: committed(request, new, self._stores.blobs, directory))
            return (await self._take(Delivery(self._stores, None), [found]))[0]

    @contextlib.contextmanager
    def workspace(self) -> Iterator[str]:
        """A directory for the time of one load. What is left in it goes by the trash, so that nobody waits for it."""
        directory = os.path.join(self._directory, PREFIX + secrets.token_hex(8))
        os.mkdir(directory, 0o700)
        try:
            yield directory
        finally:
            self._sweep.discard(directory)

    async def _thread(self, function: Callable[[], T]) -> T:
        return await run_in(self._stores.pool, lambda: None, function)

    async def _pump(self, stream: AsyncIterator[bytes], run: Callable[[Feed], T], stop: Callable[[], None]) -> T:
        """Run `run(feed)` in a thread and feed it the stream; its result. An early error there ends the reading."""
        feed = Feed()

        def end() -> None:
            stop()
            feed.end(Unavailable("the archive did not arrive in full"))

        future = asyncio.get_running_loop().run_in_executor(self._stores.pool, run, feed)
        with self._stoppable(end):
            try:
                async for data in stream:
                    if not await feed.put(data):
                        break
                feed.end()
                return await asyncio.shield(future)
            except BaseException:
                end()
                await asyncio.wait([future])
                future.exception()
                raise

    async def _take(self, delivery: Delivery, found: Sequence[Found]) -> list[Image]:
        """Deliver the images, make them durable, then known, then named."""
        held = digests_of(found)
        self._pins.hold(held)
        try:
            with self._stoppable(delivery.stop):
                images = await delivery.deliver(found)
            await asyncio.to_thread(sync_file_system, self._directory)
            for image in images:
                await self._ledger.add(image)
            names = {parse_reference(name): item.config.digest for item in found for name in item.names}
            if names:
                await self._ledger.point(names)
        except OSError as error:
            raise SystemFailure(f"cannot store the image: {error}") from error
        finally:
            self._pins.release(held)
            self._sweep.collect(held)
        return [self._catalogue.get(image.id) or image for image in images]


def _imported(layer: Member, diff_id: str, config: dict[str, Any], request: ImportRequest, directory: str) -> Found:
    """The image of an import: its configuration is written into `directory`."""
    created = to_rfc3339(now_ns())
    message = request.message or "Imported from -"
    raw: dict[str, Any] = {
        "architecture": request.platform.architecture,
        "comment": message,
        "config": config,
        "created": created,
        "history": [{"created": created, "comment": message}],
        "os": request.platform.os,
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    }
    if request.platform.variant:
        raw["variant"] = request.platform.variant
    data = json.dumps(raw, separators=(",", ":")).encode()
    path = os.path.join(directory, "config")
    with open(path, "wb") as file:
        file.write(data)
    member = Member(path, "sha256:" + hashlib.sha256(data).hexdigest(), len(data))
    with open(layer.path, "rb") as file:
        compression = recognise(file.read(LONGEST_MAGIC))
    layers = [(layer, OCI_LAYER if compression == "plain" else f"{OCI_LAYER}+{compression}")]
    names = [request.reference.familiar] if request.reference is not None else []
    return Found(member, raw, render_manifest(member, layers), None, tuple(layers), names)
