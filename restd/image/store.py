"""The image store: what the rest of the engine knows of images. One object, its parts in the modules beside it.

ROOT/images   metadata             ROOT/blobs               as they came
ROOT/overlay  unpacked layers      ROOT/overlay-containers  writable layers
ROOT/tmp      archives on their way in      ROOT/trash      what is being deleted
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from restd.errors import InvalidParameter, NotFound
from restd.events import Events
from restd.image.archive import Platform, host_platform, parse_platform
from restd.image.blobs import BlobStore
from restd.image.catalogue import Catalogue
from restd.image.commit import CommitRequest
from restd.image.export import Chosen, export
from restd.image.history import history_rows
from restd.image.intake import PREFIX, ImportRequest, Intake
from restd.image.layers import LayerStore
from restd.image.ledger import Ledger
from restd.image.loading import Pins, Progress, Stores, run_in
from restd.image.overlay import Overlay, image_graph_driver
from restd.image.references import Reference, is_digest, is_tag, parse_reference
from restd.image.registry.settings import RegistrySettings
from restd.image.removal import Removal
from restd.image.selection import ImageFilter, select
from restd.image.sweep import Sweep
from restd.image.unpack import UnpackLimits
from restd.lib.tasks import TaskGroup
from restd.model.image import Deleted, GraphDriver, HistoryRow, Image, ImageUse, Loaded, PruneResult, Untagged

if TYPE_CHECKING:
    from restd.image.build.request import BuildRequest, Say, Steps
    from restd.image.registry.credentials import Credentials
    from restd.image.registry.pull import Report
    from restd.image.registry.remote import Described, Registries

_THREADS = 10
_UNPACKERS = 2
_ARCHIVE_LIMIT = 512 << 30


class ImageStore:
    """Images, layers and the root file systems of containers under `root`. Used from the event loop.

    `open()` first, `close()` last. `overlay` has the containers' root file systems. `problems` lists, for people,
    what `open` could not read and set aside. `archive_limit` bounds an archive's decompressed bytes.
    """

    def __init__(
        self,
        root: str,
        events: Events,
        *,
        registries: RegistrySettings | None = None,
        limits: UnpackLimits | None = None,
        archive_limit: int = _ARCHIVE_LIMIT,
    ) -> None:
        self._events = events
        self._registry_settings = registries or RegistrySettings()
        self._remote: Registries | None = None
        self._tmp, self._trash = os.path.join(root, "tmp"), os.path.join(root, "trash")
        self._catalogue = Catalogue(root)
        self._ledger = Ledger(self._catalogue)
        self._blobs = BlobStore(root)
        self._layers = LayerStore(root, self._trash, limits or UnpackLimits())
        self._pins = Pins()
        self._tasks = TaskGroup("images")
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="images")
        self._sweep = Sweep(self._catalogue, self._layers, self._blobs, self._pins, self._trash, self._tasks)
        self.overlay = Overlay(root, self._trash, self._layers, self._catalogue.find, self._sweep.released)
        self._sweep.held = lambda chain: self.overlay.layer_uses[chain] > 0
        stores = Stores(self._layers, self._blobs, self._pool, asyncio.Semaphore(_UNPACKERS), self._catalogue.diff_id)
        self._intake = Intake(self._tmp, archive_limit, stores, self._catalogue, self._ledger, self._pins, self._sweep)
        self._removal = Removal(self._catalogue, self._ledger, events, self._sweep.collect)
        self.problems: list[str] = []

    async def open(self) -> None:
        """Read the metadata and clear what a crash left behind. Nothing that could not be read is deleted."""
        await run_in(self._pool, lambda: None, self._open)
        for name in os.listdir(self._tmp):
            if name.startswith(PREFIX):
                self._sweep.discard(os.path.join(self._tmp, name))
        self._sweep.empty_trash()

    def _open(self) -> None:
        for path in (self._tmp, self._trash):
            os.makedirs(path, 0o700, exist_ok=True)
        self._blobs.open()
        self.problems += self._layers.open()
        self.problems += self._catalogue.open()
        self.problems += self.overlay.open()
        if not self.problems:
            self._sweep.everything()

    async def close(self) -> None:
        """Stop the background work and let the threads go."""
        self._intake.close()
        self._sweep.close()
        await self._tasks.close()
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    def resolve(self, name: str) -> Image:
        """The image that `name` means: id, unique prefix of one, or reference. NotFound in Docker's words."""
        return self._catalogue.find(name)

    def get(self, image_id: str) -> Image | None:
        """The image with exactly this id (`sha256:HEX`), or None."""
        return self._catalogue.get(image_id)

    def list(self, chosen: ImageFilter | None = None, *, intermediate: bool = False) -> Sequence[Image]:
        """The images that `chosen` selects, newest first; nameless parents of other images only if `intermediate`."""
        images = select(self._catalogue.all(), chosen or ImageFilter())
        return [
            image
            for image in images
            if intermediate or image.repo_tags or image.repo_digests or not self._catalogue.has_children(image.id)
        ]

    def graph_driver(self, image: Image) -> GraphDriver:
        """`GraphDriver` of the image's inspect answer."""
        return image_graph_driver(self._layers, image)

    def shared_size(self, image: Image) -> int:
        """`SharedSize`: bytes of those layers that another image has too."""
        chains = {layer.chain_id for layer in image.layers if self._catalogue.layer_uses[layer.chain_id] > 1}
        return sum(self._layer_size(chain) for chain in chains)

    def layers_size(self) -> int:
        """Bytes of all unpacked layers: `LayersSize` of `GET /system/df`."""
        return sum(layer.size for layer in self._layers.all())

    def _layer_size(self, chain: str) -> int:
        layer = self._layers.get(chain)
        return layer.size if layer is not None else 0

    def history(self, name: str) -> Sequence[HistoryRow]:
        """The steps an image was made in, newest first."""
        return history_rows(self._catalogue.find(name), self._layer_size, self._catalogue.get)

    async def tag(self, name: str, repo: str, tag: str = "") -> None:
        """Give the image another reference, `repo:tag`; one that meant another image moves."""
        image = self._catalogue.find(name)
        reference = tag_reference(repo, tag)
        await self._ledger.point({reference: image.id})
        self._publish("tag", image, reference.familiar)

    async def remove(
        self, name: str, force: bool, noprune: bool, uses: Sequence[ImageUse]
    ) -> Sequence[Untagged | Deleted]:
        """Remove a reference, and the image with its last one. `uses`: all containers. Conflict in Docker's words."""
        return await self._removal.remove(name, force, noprune, uses)

    async def prune(self, chosen: ImageFilter, uses: Sequence[ImageUse]) -> PruneResult:
        """Remove the images no container uses: those without a tag, or with `chosen.dangling` False all of them."""
        return await self._removal.prune(chosen, uses)

    async def load(
        self, stream: AsyncIterator[bytes], progress: Progress | None = None, platform: str = ""
    ) -> Sequence[Loaded]:
        """Take a docker-archive or OCI layout, compressed or not; what was loaded, in the archive's order.

        On return everything is on disk to stay. `progress` is called on the event loop. Raises InvalidParameter for an
        archive that cannot be taken; then nothing of it is left.
        """
        taken = await self._intake.load(stream, _platform(platform), progress)
        for image, _ in taken:
            self._publish("load", image, image.id)
        return [Loaded(name, image.id) for image, names in taken for name in (names or (None,))]

    async def import_(
        self,
        stream: AsyncIterator[bytes],
        repo: str = "",
        tag: str = "",
        message: str = "",
        changes: Sequence[str] = (),
        platform: str = "",
    ) -> str:
        """Make a one-layer image from the tar of a root file system, compressed or not; its id.

        `changes` are Dockerfile instructions for its configuration. Raises InvalidParameter for bad input.
        """
        reference = tag_reference(repo, tag) if repo else None
        request = ImportRequest(reference, message, tuple(changes), _platform(platform))
        image = await self._intake.import_(stream, request)
        self._publish("import", image, image.id)
        return image.id

    async def commit(self, request: CommitRequest) -> Image:
        """Make an image on top of another. InvalidParameter if it would have too many layers."""
        return await self._intake.commit(request)

    async def build(self, request: BuildRequest, stream: AsyncIterator[bytes], steps: Steps, say: Say) -> Image:
        """Build an image from a context, an archive with a Dockerfile in it; `say` hears the lines of the stream.

        InvalidParameter for a bad Dockerfile or context, StepFailed if a command fails, NotFound without a base.
        """
        from restd.image.build.builder import Builder
        from restd.image.build.context import Context

        with self._intake.workspace() as directory:
            context = await Context.unpack(os.path.join(directory, "context"), stream)
            return await Builder(request, context, self, steps, say).run()

    def child_of(self, parent: Image | None, created_by: str, config: Mapping[str, Any]) -> Image | None:
        """The newest image that a build step made on `parent` with this configuration, or None."""
        found = None
        for image in self._catalogue.children(parent.id if parent is not None else ""):
            history = image.raw.get("history") or [{}]
            if parent is None and len(history) != 1:
                continue
            same = history[-1].get("created_by") == created_by and image.raw.get("config") == config
            if same and (found is None or image.created > found.created):
                found = image
        return found

    def save(self, names: Sequence[str]) -> AsyncIterator[bytes]:
        """The images as one archive, in pieces. Names are looked up now (NotFound); by id they are saved nameless.

        A repository without a tag stands for all of its tags. The blobs stay until the iterator is finished or closed.
        """
        return self._save(self._choose(names))

    async def _save(self, chosen: Sequence[Chosen]) -> AsyncIterator[bytes]:
        held = {digest for item in chosen for digest in (item.image.id, item.image.manifest_digest)}
        held |= {layer.digest for item in chosen for layer in item.image.layers}
        self._pins.hold(held)
        try:
            async for piece in export(chosen, self._blobs):
                yield piece
        finally:
            self._pins.release(held)
            self._sweep.collect(held)
        for item in chosen:
            self._publish("save", item.image, item.image.id)

    def _choose(self, names: Sequence[str]) -> Sequence[Chosen]:
        if not names:
            raise InvalidParameter("no images to save")
        found: dict[str, tuple[Image, set[Reference]]] = {}
        for name in names:
            for image, reference in self._named(name):
                references = found.setdefault(image.id, (image, set()))[1]
                if reference is not None:
                    references.add(reference)
        return [Chosen(image, tuple(sorted(references, key=str))) for image, references in found.values()]

    def _named(self, name: str) -> Sequence[tuple[Image, Reference | None]]:
        """The images and references one name of a save means."""
        try:
            reference = parse_reference(name)
        except InvalidParameter:
            return [(self._catalogue.find(name), None)]
        if not is_digest(name) and not reference.tag and not reference.digest:
            tagged = self._catalogue.tags(reference.name)
            if tagged:
                return tagged
        image = self._catalogue.find(name)
        full = reference.with_default_tag()
        return [(image, full if self._catalogue.target(full) is image and not full.digest else None)]

    @property
    def _registries(self) -> Registries:
        """Made when it is first needed: TLS and the HTTP client cost memory that an offline engine can spare."""
        if self._remote is None:
            from restd.image.registry.remote import Registries

            self._remote = Registries(
                self._registry_settings,
                self._events,
                self._catalogue,
                self._ledger,
                self._layers,
                self._blobs,
                self._intake,
                self._tasks,
                self._pool,
            )
        return self._remote

    async def pull(
        self, reference: Reference, all_tags: bool, platform: str, credentials: Credentials, report: Report
    ) -> Image:
        """Bring an image from its registry, with `all_tags` a whole repository; the last image that came.

        `report` gets the lines of Docker's stream. An error before its first call is one of the look-up: NotFound if
        the registry has no such image or does not show it, SystemFailure if it can't be asked.
        """
        return await self._registries.pull(
            reference, all_tags=all_tags, platform=platform, credentials=credentials, report=report
        )

    def to_push(self, name: str, tag: str) -> Sequence[tuple[Image, Reference]]:
        """The images that a push of `name` means: one tag, or all of a repository. NotFound in Docker's words."""
        reference = parse_reference(name)
        if tag:
            if not is_tag(tag):
                raise InvalidParameter("invalid tag format")
            reference = Reference(reference.domain, reference.path, tag)
        if reference.digest:
            raise InvalidParameter("cannot push a digest reference")
        if reference.tag:
            image = self._catalogue.target(reference)
            chosen = [(image, reference)] if image is not None else []
        else:
            chosen = list(self._catalogue.tags(reference.name))
        if not chosen:
            raise NotFound(f"An image does not exist locally with the tag: {reference.familiar_name}")
        return chosen

    async def push(self, images: Sequence[tuple[Image, Reference]], credentials: Credentials, report: Report) -> None:
        """Send what `to_push` chose to its registry; `report` gets the lines of Docker's stream."""
        held = {digest for image, _ in images for digest in (image.id, image.manifest_digest)}
        held |= {layer.digest for image, _ in images for layer in image.layers}
        self._pins.hold(held)
        try:
            await self._registries.push(images, credentials=credentials, report=report)
        finally:
            self._pins.release(held)
            self._sweep.collect(held)

    async def describe(self, reference: Reference, credentials: Credentials) -> Described:
        """What a registry has under a reference, without pulling it."""
        return await self._registries.describe(reference, credentials)

    async def log_in(self, address: str, credentials: Credentials) -> None:
        """Check credentials with the registry at `address`. Unauthorized if it refuses them."""
        await self._registries.log_in(address, credentials)

    async def search(self, term: str, limit: int, credentials: Credentials) -> Sequence[Mapping[str, Any]]:
        """Repositories of docker.io, or of the registry that `term` begins with, in the form of Docker's answer."""
        return await self._registries.search(term, limit, credentials)

    def _publish(self, action: str, image: Image, name: str) -> None:
        self._events.publish("image", action, image.id, {**image.config.labels, "name": name})


def _platform(text: str) -> Platform:
    return parse_platform(text) if text else host_platform()


def tag_reference(repo: str, tag: str) -> Reference:
    """`repo` and `tag` as a reference to set; without a tag anywhere it is `latest`. InvalidParameter if bad."""
    reference = parse_reference(repo)
    if reference.digest:
        raise InvalidParameter("cannot import digest reference")
    if not tag:
        return reference.with_default_tag()
    if not is_tag(tag):
        raise InvalidParameter("invalid tag format")
    return Reference(reference.domain, reference.path, tag)
