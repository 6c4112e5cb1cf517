"""From a spooled archive to layers on disk: unpack or verify each layer, then take blobs and layers over.

A `Delivery` holds what one load has in hand. Until it is over, everything it uses is pinned, so that a removal
at the same time leaves it alone; if it fails, whatever nobody else uses goes again.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from restd.errors import InvalidParameter
from restd.image.archive import Found
from restd.image.blobs import BlobStore
from restd.image.configuration import build_image, diff_ids, parse_history
from restd.image.layers import Layer, LayerStore, chain_ids
from restd.image.spool import Member
from restd.image.unpack import Watch, blob_diff_id
from restd.model.image import Image, ImageLayer, LoadProgress

Progress = Callable[[LoadProgress], None]
_PROGRESS_STEP = 512 * 1024

T = TypeVar("T")


async def run_in(pool: Executor, stop: Callable[[], None], function: Callable[[], T]) -> T:
    """`function()` in a thread of `pool`. If the caller is cancelled, `stop` is called and the thread awaited.

    So nothing of it goes on behind the back of whoever cleans up.
    """
    future = asyncio.get_running_loop().run_in_executor(pool, function)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        stop()
        await asyncio.wait([future])
        if not future.cancelled():
            future.exception()
        raise


class Pins:
    """Digests and chain ids in use by loads under way: a removal leaves them alone."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()

    def __contains__(self, digest: str) -> bool:
        return self._held[digest] > 0

    def hold(self, digests: Iterable[str]) -> None:
        """Pin once more."""
        self._held.update(digests)

    def release(self, digests: Iterable[str]) -> None:
        """Unpin once."""
        for digest in digests:
            self._held[digest] -= 1
            if self._held[digest] <= 0:
                del self._held[digest]


@dataclass(frozen=True, slots=True)
class Stores:
    """What a delivery delivers into. `known` gives the diff id of a blob that was checked before, or None."""

    layers: LayerStore
    blobs: BlobStore
    pool: Executor
    slots: asyncio.Semaphore
    known: Callable[[str], str | None]


def digests_of(images: Iterable[Found]) -> set[str]:
    """Every digest and chain id that the images need: what to pin, and what to look at when they failed."""
    wanted = set()
    for found in images:
        wanted |= {found.config.digest, manifest_digest(found)}
        wanted |= {member.digest for member, _ in found.layers}
        wanted |= set(chain_ids(diff_ids(found.raw)))
    return wanted


def manifest_digest(found: Found) -> str:
    """The digest of the image's manifest."""
    return "sha256:" + hashlib.sha256(found.manifest).hexdigest()


class Arrivals(Protocol):
    """Layers that are still on their way while those that came are unpacked: a pull."""

    async def arrived(self, member: Member) -> None:
        """Return when the file `member.path` is whole and checked."""

    def unpacked(self, member: Member) -> None:
        """The layer is in its place."""

    def abandon(self) -> None:
        """Another layer has failed: nobody waits for the rest any more, and `arrived` raises."""


class Delivery:
    """The layers and blobs of one load, import, commit or pull on their way into the stores."""

    def __init__(self, stores: Stores, progress: Progress | None, arrivals: Arrivals | None = None) -> None:
        self._stores = stores
        self._progress = progress
        self._arrivals = arrivals
        self._failure: BaseException | None = None
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._stages: dict[str, tuple[str, Layer]] = {}
        self._checked: dict[str, str] = {}

    async def deliver(self, images: Sequence[Found]) -> list[Image]:
        """Bring the layers and blobs of `images` to their places; not yet durable, not yet known to the catalogue.

        Raises InvalidParameter if a layer is not what its image says; then nothing is staged any more.
        """
        jobs: dict[tuple[str, str], tuple[Member, str, str, str]] = {}
        for found in images:
            # A configuration that cannot be understood is refused before any work is done.
            image = build_image(found.config.digest, "", found.raw, (), size=0)
            parse_history(found.raw)
            if image.os not in ("", "linux"):
                raise InvalidParameter(f'image operating system "{image.os}" cannot be used on this platform')
            wanted = diff_ids(found.raw)
            parent = ""
            for (member, _), diff_id, chain in zip(found.layers, wanted, chain_ids(wanted), strict=True):
                jobs[chain, member.digest] = (member, diff_id, chain, parent)
                parent = chain
        try:
            outcomes = await asyncio.gather(*(self._job(*job) for job in jobs.values()), return_exceptions=True)
            failures = [outcome for outcome in outcomes if isinstance(outcome, InvalidParameter)]
            if self._failure is not None:
                raise next(iter(failures), self._failure)
            return [self._adopt(found) for found in images]
        finally:
            self.close()

    def close(self) -> None:
        """Throw away what is staged and was not delivered."""
        for stage, _ in self._stages.values():
            self._stores.layers.discard(stage)
        self._stages.clear()

    def stop(self) -> None:
        """End what is under way, with Unavailable."""
        self._stop.set()
        if self._arrivals is not None:
            self._arrivals.abandon()

    async def stage_lowest(self, member: Member) -> str:
        """Unpack a layer of which only the blob is known, for an image with nothing below it; its diff id."""
        layers = self._stores.layers
        stage = layers.stage()
        watch = Watch(self._reporter(member), self._stop)
        try:
            async with self._stores.slots:
                unpacked = await self._thread(lambda: layers.unpack(member.path, stage, member.digest, watch))
        except BaseException:
            layers.discard(stage)
            raise
        self._stages[unpacked.diff_id] = (stage, Layer(unpacked.diff_id, unpacked.diff_id, "", unpacked.size))
        self._checked[member.digest] = unpacked.diff_id
        return unpacked.diff_id

    async def _job(self, member: Member, diff_id: str, chain: str, parent: str) -> None:
        """One layer: staged unless it is there already, its blob checked. The first failure stops the other jobs."""
        try:
            if self._arrivals is not None:
                await self._arrivals.arrived(member)
            async with self._stores.slots:
                if self._stores.layers.get(chain) is not None or chain in self._stages:
                    await self._verify(member, diff_id)
                else:
                    await self._stage(member, diff_id, chain, parent)
            if self._arrivals is not None:
                self._arrivals.unpacked(member)
        except BaseException as error:
            self._failure = self._failure or error
            self.stop()
            raise

    async def _verify(self, member: Member, diff_id: str) -> None:
        found = self._checked.get(member.digest) or self._stores.known(member.digest)
        if found is None and member.digest == diff_id:
            found = diff_id
        if found is None:
            found = await self._thread(lambda: blob_diff_id(member.path, Watch(stop=self._stop)))
        self._check(member, diff_id, found)

    async def _stage(self, member: Member, diff_id: str, chain: str, parent: str) -> None:
        layers = self._stores.layers
        stage = layers.stage()
        watch = Watch(self._reporter(member), self._stop)
        try:
            unpacked = await self._thread(lambda: layers.unpack(member.path, stage, member.digest, watch))
            self._check(member, diff_id, unpacked.diff_id)
        except BaseException:
            layers.discard(stage)
            raise
        if chain in self._stages:
            layers.discard(stage)
        else:
            self._stages[chain] = (stage, Layer(chain, diff_id, parent, unpacked.size))

    async def _thread(self, function: Callable[[], T]) -> T:
        return await run_in(self._stores.pool, self._stop.set, function)

    def _check(self, member: Member, diff_id: str, found: str) -> None:
        if found != diff_id:
            raise InvalidParameter(f"invalid layer {member.digest}: its diffID is {found}, the image says {diff_id}")
        self._checked[member.digest] = diff_id

    def _reporter(self, member: Member) -> Callable[[int], None]:
        """What the unpacking thread calls: passes progress on to the event loop, not more often than useful."""
        progress, loop, last = self._progress, self._loop, -_PROGRESS_STEP

        def moved(current: int) -> None:
            nonlocal last
            if progress is not None and (current - last >= _PROGRESS_STEP or current == member.size):
                last = current
                digits = member.digest.removeprefix("sha256:")[:12]
                loop.call_soon_threadsafe(progress, LoadProgress(digits, current, member.size))

        return moved

    def _adopt(self, found: Found) -> Image:
        """Move what is staged to its final place and put the image together."""
        layers, blobs = self._stores.layers, self._stores.blobs
        wanted = diff_ids(found.raw)
        parts, size = [], 0
        for (member, kind), diff_id, chain in zip(found.layers, wanted, chain_ids(wanted), strict=True):
            if (staged := self._stages.pop(chain, None)) is not None:
                layers.adopt(*staged)
            layer = layers.get(chain)
            assert layer is not None
            size += layer.size
            blobs.adopt(member.path, member.digest)
            parts.append(ImageLayer(member.digest, member.size, kind, diff_id, chain))
        blobs.adopt(found.config.path, found.config.digest)
        digest = manifest_digest(found)
        blobs.write(digest, found.manifest)
        return build_image(found.config.digest, digest, found.raw, tuple(parts), size=size, parent=found.parent)
