"""Letting go of blobs and layers that nothing uses any more."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Callable, Iterable

from restd.image.blobs import BlobStore
from restd.image.catalogue import Catalogue
from restd.image.layers import Layer, LayerStore, empty_trash
from restd.image.loading import Pins
from restd.lib.tasks import TaskGroup


class Sweep:
    """Knows who uses what: images, containers (`held` by chain id), and loads and saves under way (`pins`)."""

    def __init__(
        self, catalogue: Catalogue, layers: LayerStore, blobs: BlobStore, pins: Pins, trash: str, tasks: TaskGroup
    ) -> None:
        self._catalogue, self._layers, self._blobs, self._pins = catalogue, layers, blobs, pins
        self._trash, self._tasks = trash, tasks
        self._emptying = self._full = self._closed = False
        self.held: Callable[[str], bool] = lambda _: False

    def collect(self, digests: Iterable[str]) -> list[Layer]:
        """Delete the blobs and layers among `digests` that nothing uses; the layers that went."""
        gone = []
        for digest in digests:
            if digest in self._pins:
                continue
            if not self._catalogue.blob_uses[digest]:
                self._blobs.remove(digest)
            layer = self._layers.get(digest)
            if layer is not None and not self._catalogue.layer_uses[digest] and not self.held(digest):
                self._layers.remove(digest)
                gone.append(layer)
        if gone:
            self.empty_trash()
        return gone

    def everything(self) -> None:
        """Delete whatever nothing uses: what a crash left behind. Blocks; for the time before the engine answers."""
        for name in os.listdir(self._blobs.directory):
            if name.endswith(".new"):
                os.unlink(os.path.join(self._blobs.directory, name))
        for digest in self._blobs.all():
            if not self._catalogue.blob_uses[digest]:
                self._blobs.remove(digest)
        for layer in self._layers.all():
            if not self._catalogue.layer_uses[layer.chain_id] and not self.held(layer.chain_id):
                self._layers.remove(layer.chain_id)

    def discard(self, path: str) -> None:
        """Move a directory of this room into the trash and have it emptied."""
        with contextlib.suppress(FileNotFoundError):
            os.rename(path, os.path.join(self._trash, f"layer-{secrets.token_hex(8)}"))
        self.empty_trash()

    def released(self, chains: Iterable[str]) -> None:
        """A container's layer went into the trash; so do image layers that only it still used."""
        self.collect(chains)
        self.empty_trash()

    def empty_trash(self) -> None:
        """Empty the trash in the background, once more if that is going on already: it may have looked by now."""
        self._full = True
        if not self._emptying and not self._closed:
            self._emptying = True
            self._tasks.start(self._empty(), "trash")

    def close(self) -> None:
        """The engine stops: what is in the trash from now on stays there until the next start."""
        self._closed = True

    async def _empty(self) -> None:
        try:
            while self._full and not self._closed:
                self._full = False
                await asyncio.to_thread(empty_trash, self._trash)
        finally:
            self._emptying = False
