"""The image store: what the rest of the engine knows of images. One object, its parts in the modules beside it.

ROOT/images   metadata        ROOT/blobs     as they came
ROOT/overlay  unpacked layers  ROOT/overlay-containers  writable layers
ROOT/tmp      archives on their way in      ROOT/trash  what is being deleted
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from restd.errors import Unavailable
from restd.events import Events
from restd.image.archive import Found, host_platform, parse_platform, read_archive
from restd.image.blobs import BlobStore
from restd.image.catalogue import Catalogue
from restd.image.layers import LayerStore, empty_trash
from restd.image.loading import Delivery, Pins, Progress, Stores, digests_of, run_in
from restd.image.overlay import Overlay, image_graph_driver
from restd.image.references import Reference, parse_reference
from restd.image.spool import Feed, Spool, Spooler
from restd.image.unpack import UnpackLimits
from restd.lib.mounts import sync_file_system
from restd.lib.tasks import TaskGroup
from restd.lib.times import now_ns
from restd.model.image import GraphDriver, Image, LayerSizes, Loaded

_THREADS = 10
_LOADS = 4
_UNPACKERS = 2
_ARCHIVE_LIMIT = 512 << 30


class ImageStore:
    """Images, layers and the root file systems of containers under `root`. Used from the event loop.

    `open()` first, `close()` last. `overlay` has the containers' root file systems. `problems` lists, for people, what `open` could not read and set aside.
    """

    def __init__(
        self,
        root: str,
        events: Events,
        *,
        limits: UnpackLimits | None = None,
        archive_limit: int = _ARCHIVE_LIMIT,
    ) -> None:
        self._root, self._events, self._archive_limit = root, events, archive_limit
        self._tmp, self._trash = os.path.join(root, "tmp"), os.path.join(root, "trash")
        self._catalogue = Catalogue(root)
        self._blobs = BlobStore(root)
        self._layers = LayerStore(root, self._trash, limits or UnpackLimits())
        self.overlay = Overlay(root, self._trash, self._layers, self._catalogue.find, self._released)
        self._pins = Pins()
        self._tasks = TaskGroup("images")
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="images")
        self._loads = asyncio.Semaphore(_LOADS)
        self._slots = asyncio.Semaphore(_UNPACKERS)
        self._writing = asyncio.Lock()
        self._emptying = False
        self.problems: list[str] = []

    async def open(self) -> None:
        """Read the metadata and clear what a crash left behind. Nothing that could not be read is deleted."""
        await run_in(self._pool, lambda: None, self._open)
        self._empty_trash()

    def _open(self) -> None:
        for path in (self._tmp, self._trash):
            os.makedirs(path, 0o700, exist_ok=True)
        for name in os.listdir(self._tmp):
            if name.startswith("image-"):
                shutil.rmtree(os.path.join(self._tmp, name), ignore_errors=True)
        self._blobs.open()
        self.problems += self._layers.open()
        self.problems += self._catalogue.open()
        self.problems += self.overlay.open()
        if not self.problems:
            self._collect([*self._blobs.all(), *(layer.chain_id for layer in self._layers.all())])

    async def close(self) -> None:
        """Stop the background work and let the threads go."""
        await self._tasks.close()
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    # Looking

    def resolve(self, name: str) -> Image:
        """The image that `name` means: id, unique prefix of one, or reference. NotFound in Docker's words."""
        return self._catalogue.find(name)

    def get(self, image_id: str) -> Image | None:
        """The image with exactly this id (`sha256:HEX`), or None."""
        return self._catalogue.get(image_id)

    def list(self) -> Sequence[Image]:
        """Every image, newest first."""
        return sorted(self._catalogue.all(), key=lambda image: (image.created, image.id), reverse=True)

    def graph_driver(self, image: Image) -> GraphDriver:
        """`GraphDriver` of the image's inspect answer."""
        return image_graph_driver(self._layers, image)

    # Changing references

    async def _point(self, targets: Mapping[Reference, str]) -> None:
        """Set references durably, then in memory."""
        time = now_ns()
        async with self._writing:
            changes = {reference: (image_id, time) for reference, image_id in targets.items()}
            await asyncio.to_thread(self._catalogue.write_references, changes)
            for reference, image_id in targets.items():
                self._catalogue.point(reference, image_id, time)

    # Bringing images in

    async def load(
        self, stream: AsyncIterator[bytes], progress: Progress | None = None, platform: str = ""
    ) -> Sequence[Loaded]:
        """Take a docker-archive or OCI layout, compressed or not; what was loaded, in the archive's order.

        On return everything is on disk to stay. `progress` is called on the event loop. Raises InvalidParameter for an
        archive that cannot be taken; then nothing of it is left.
        """
        wanted = parse_platform(platform) if platform else host_platform()
        async with self._loads:
            directory = os.path.join(self._tmp, f"image-{secrets.token_hex(8)}")
            os.mkdir(directory, 0o700)
            try:
                spool = await self._spool(stream, directory)
                found = await run_in(self._pool, lambda: None, lambda: read_archive(spool, wanted))
                images = await self._take(found, progress)
            finally:
                self._tasks.start(asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True), "empty")
        for image in images:
            self._events.publish("image", "load", image.id, self._attributes(image, image.id))
        loaded = zip(images, found, strict=True)
        return [Loaded(name, image.id) for image, item in loaded for name in (item.names or (None,))]

    async def _spool(self, stream: AsyncIterator[bytes], directory: str) -> Spool:
        """Pump the stream into a thread that splits it."""
        feed = Feed()
        spooler = Spooler(feed, directory, self._blobs.directory, self._archive_limit)
        future = asyncio.get_running_loop().run_in_executor(self._pool, spooler.run)
        try:
            async for data in stream:
                if not await feed.put(data):
                    break
            feed.end()
            return await asyncio.shield(future)
        except BaseException:
            spooler.stop()
            feed.end(Unavailable("the archive did not arrive in full"))
            await asyncio.wait([future])
            future.exception()
            raise

    async def _take(self, found: Sequence[Found], progress: Progress | None) -> Sequence[Image]:
        """Deliver the images, make them durable, then known, then named."""
        held = digests_of(found)
        self._pins.hold(held)
        try:
            stores = Stores(self._layers, self._blobs, self._pool, self._slots, self._catalogue.diff_id)
            images = await Delivery(stores, progress).deliver(found)
            await asyncio.to_thread(sync_file_system, self._root)
            for image in images:
                if self._catalogue.get(image.id) is None:
                    await self._add(image)
            names = {parse_reference(name): item.config.digest for item in found for name in item.names}
            if names:
                await self._point(names)
        finally:
            self._pins.release(held)
            self._collect(held)
        return [self._catalogue.find(image.id) for image in images]

    async def _add(self, image: Image) -> None:
        async with self._writing:
            await asyncio.to_thread(self._catalogue.write_image, image)
            if self._catalogue.get(image.id) is None:
                self._catalogue.add(image)

    # Letting go

    def _collect(self, digests: Iterable[str]) -> Sequence[tuple[str, int]]:
        """Delete the blobs and layers among `digests` that nothing uses; the layers that went, with sizes."""
        gone = []
        candidates = [digest for digest in digests if digest not in self._pins]
        for digest in candidates:
            if not self._catalogue.blob_uses[digest]:
                self._blobs.remove(digest)
            layer = self._layers.get(digest)
            if layer is not None and not self._catalogue.layer_uses[digest] and not self.overlay.layer_uses[digest]:
                self._layers.remove(digest)
                gone.append((digest, layer.size))
        return gone

    def _released(self, chains: Sequence[str]) -> None:
        """A container's layer is gone: so are image layers that only it still used, and its files are in the trash."""
        self._collect(chains)
        self._empty_trash()

    def _empty_trash(self) -> None:
        """Start emptying the trash, if that is not going on already."""
        if not self._emptying:
            self._emptying = True
            self._tasks.start(self._empty(), "trash")

    async def _empty(self) -> None:
        try:
            await asyncio.to_thread(empty_trash, self._trash)
        finally:
            self._emptying = False

    @staticmethod
    def _attributes(image: Image, name: str) -> dict[str, str]:
        return {**image.config.labels, "name": name}
