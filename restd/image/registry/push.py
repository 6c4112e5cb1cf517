"""Push: an image's blobs and manifest, as they are in the store, to a repository.

What the registry has already is not sent; what another repository of the same registry has is mounted from there
(distribution specification, "Mounting a blob from another repository"). A manifest goes last: nothing in a registry
refers to what isn't there. Foreign layers stay where they are, as in Docker.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from restd.errors import SystemFailure
from restd.image.archive import OCI_MANIFEST
from restd.image.blobs import BlobStore
from restd.image.configuration import Fields, parse_json
from restd.image.references import Reference
from restd.image.registry import words
from restd.image.registry.failures import RegistryError
from restd.image.registry.manifests import Descriptor, parse_descriptor
from restd.image.registry.session import Registry, pause, scope_of
from restd.lib.tasks import together
from restd.model.image import Image

Report = Callable[[dict[str, Any]], None]
_READ = 1 << 20
_REPORT_BYTES = 512 << 10
_UNAUTHORIZED = 401


class Push:
    """The push of some tags of one repository. `elsewhere` names repositories of the same registry with a blob."""

    def __init__(
        self,
        registry: Registry,
        blobs: BlobStore,
        slots: asyncio.Semaphore,
        attempts: int,
        elsewhere: Callable[[str], Sequence[str]],
        report: Report,
    ) -> None:
        self._registry, self._blobs, self._slots = registry, blobs, slots
        self._attempts, self._elsewhere, self._report = attempts, elsewhere, report
        self._sent: set[str] = set()

    async def image(self, image: Image, reference: Reference) -> str:
        """Send one image under one tag; the digest of its manifest."""
        layers = {
            layer.digest: Descriptor(layer.digest, layer.blob_size, layer.media_type)
            for layer in reversed(image.layers)
            if layer.digest not in self._sent
        }
        for digest in layers:
            self._report(words.status("Preparing", words.short(digest)))
        await together(self._layer(layer, reference) for layer in layers.values())
        manifest = await asyncio.to_thread(self._blobs.read, image.manifest_digest)
        fields = Fields(parse_json(manifest, "manifest"), "manifest")
        await self._blob(parse_descriptor(fields.object("config") or {}), reference, lambda _: None)
        await self._manifest(manifest, fields.text("mediaType") or OCI_MANIFEST, reference)
        tag, size = reference.tag or "", len(manifest)
        self._report(words.status(f"{tag}: digest: {image.manifest_digest} size: {size}"))
        self._report({"progressDetail": {}, "aux": {"Tag": tag, "Digest": image.manifest_digest, "Size": size}})
        return image.manifest_digest

    async def _layer(self, layer: Descriptor, reference: Reference) -> None:
        digits = words.short(layer.digest)
        if "foreign" in layer.media_type or "nondistributable" in layer.media_type:
            self._report(words.status("Skipped foreign layer", digits))
            return
        if self._slots.locked():
            self._report(words.status("Waiting", digits))
        async with self._slots:

            def moved(done: int) -> None:
                self._report(words.moving("Pushing", digits, done, layer.size))

            self._report(words.status(await self._blob(layer, reference, moved), digits))
        self._sent.add(layer.digest)

    async def _blob(self, blob: Descriptor, reference: Reference, moved: Callable[[int], None]) -> str:
        """Have a blob in the repository; how it got there, in Docker's words."""
        attempt = 0
        while True:
            attempt += 1
            try:
                if await self._has(blob, reference):
                    return "Layer already exists"
                return await self._send(blob, reference, moved)
            except RegistryError as error:
                if attempt >= self._attempts or not (error.transient or error.status == _UNAUTHORIZED):
                    raise
                await asyncio.sleep(0 if error.status == _UNAUTHORIZED else pause(attempt, error.retry_after))

    async def _has(self, blob: Descriptor, reference: Reference) -> bool:
        path = f"/v2/{reference.path}/blobs/{blob.digest}"
        scope = scope_of(reference.path, "pull", "push")
        async with self._registry.request("HEAD", path, scope=scope, accepted=(200, 404)) as response:
            return response.status == 200

    async def _send(self, blob: Descriptor, reference: Reference, moved: Callable[[int], None]) -> str:
        uploads = f"/v2/{reference.path}/blobs/uploads/"
        scope = scope_of(reference.path, "pull", "push")
        for other in self._elsewhere(blob.digest):
            asked = urlencode({"mount": blob.digest, "from": other})
            both = f"{scope} {scope_of(other)}"
            async with self._registry.request("POST", f"{uploads}?{asked}", scope=both) as response:
                if response.status == 201:
                    return f"Mounted from {other}"
                location = response.headers.get("Location", "")
            break  # an upload has been opened: take it
        else:
            async with self._registry.request("POST", uploads, scope=scope) as response:
                location = response.headers.get("Location", "")
        if not location:
            raise SystemFailure(f"{self._registry.endpoint.host} opens no upload: it names no location")
        location += ("&" if "?" in location else "?") + urlencode({"digest": blob.digest})
        headers = {"Content-Length": str(blob.size), "Content-Type": "application/octet-stream"}
        body = self._read(blob, moved)
        try:
            async with self._registry.request("PUT", location, scope=scope, headers=headers, data=body):
                return "Pushed"
        finally:
            await body.aclose()

    async def _read(self, blob: Descriptor, moved: Callable[[int], None]) -> AsyncGenerator[bytes]:
        try:
            descriptor = os.open(self._blobs.path(blob.digest), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise SystemFailure(f"blob {blob.digest} is missing from the store: pull the image again") from None
        try:
            done, told = 0, -_REPORT_BYTES
            while data := await asyncio.to_thread(os.read, descriptor, _READ):
                yield data
                done += len(data)
                if done - told >= _REPORT_BYTES or done == blob.size:
                    told = done
                    moved(done)
        finally:
            os.close(descriptor)

    async def _manifest(self, manifest: bytes, media_type: str, reference: Reference) -> None:
        path = f"/v2/{reference.path}/manifests/{reference.tag}"
        attempt = 0
        while True:
            attempt += 1
            try:
                async with self._registry.request(
                    "PUT",
                    path,
                    scope=scope_of(reference.path, "pull", "push"),
                    headers={"Content-Type": media_type},
                    data=manifest,
                ):
                    return
            except RegistryError as error:
                if attempt >= self._attempts or not error.transient:
                    raise
                await asyncio.sleep(pause(attempt, error.retry_after))
