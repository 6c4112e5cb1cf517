"""Pull: a reference to an image in the store. What is said on the way is in `words.py`.

The manifest is looked up before anything is said, so that a missing image is an error and no stream. Layers are
unpacked as they arrive; what the store has already is not fetched again.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from restd.errors import InvalidParameter, NotFound, SystemFailure, Unavailable
from restd.image.archive import Found, Platform
from restd.image.blobs import BlobStore
from restd.image.configuration import diff_ids, parse_json
from restd.image.layers import LayerStore, chain_ids
from restd.image.references import Reference
from restd.image.registry import words
from restd.image.registry.credentials import ANONYMOUS, Credentials
from restd.image.registry.downloads import Downloads
from restd.image.registry.endpoints import endpoints_of
from restd.image.registry.failures import NoAnswer, RegistryError
from restd.image.registry.manifests import (
    MANIFEST_TYPES,
    MOST_CONFIG,
    MOST_MANIFEST,
    Descriptor,
    Index,
    Manifest,
    choose,
    digest_of,
    parse_manifest,
)
from restd.image.registry.session import Registry, scope_of
from restd.image.registry.settings import RegistrySettings
from restd.image.spool import Member
from restd.model.image import LoadProgress

log = logging.getLogger(__name__)

T = TypeVar("T")

Report = Callable[[dict[str, Any]], None]
_MOST_TAGS = 10_000
_DEEPEST_INDEX = 4
_ACCEPT = {"Accept": ", ".join(MANIFEST_TYPES)}


@dataclass(frozen=True, slots=True)
class Target:
    """What a reference led to: the image's manifest, and the digest that stands for the reference (an index's own)."""

    registry: Registry
    reference: Reference
    digest: str
    manifest: Manifest


async def ask(
    reference: Reference,
    settings: RegistrySettings,
    credentials: Credentials,
    question: Callable[[Registry], Awaitable[T]],
    *,
    mirrors: bool = True,
) -> tuple[Registry, T]:
    """Ask those who may have `reference` in order, mirrors first and without credentials; who answered, and what.

    The caller releases the registry. A mirror that fails in any way is passed over; what the registry itself says
    counts. An insecure one that can't be reached over TLS is asked in the clear.
    """
    failure: RegistryError | None = None
    for endpoint in endpoints_of(reference.domain, settings):
        if not endpoint.official and not mirrors:
            continue
        try:
            registry = await Registry.connect(
                endpoint, credentials if endpoint.official else ANONYMOUS, settings.certificates
            )
        except NoAnswer as error:
            log.debug("registry: %s", error)
            failure = error
            continue
        try:
            return registry, await question(registry)
        except RegistryError as error:
            await registry.release()
            if endpoint.official:
                raise
            log.debug("registry: %s", error)
            failure = error
        except BaseException:
            await registry.release()
            raise
    raise failure or NoAnswer(f"no registry for {reference.domain}")


async def look_up(registry: Registry, reference: Reference, platform: Platform, attempts: int) -> Target:
    """The image that `reference` means, for a platform; indexes are followed."""
    described = manifest = await describe(registry, reference, attempts)
    for _ in range(_DEEPEST_INDEX):
        if isinstance(manifest, Manifest):
            return Target(registry, reference, described.digest, manifest)
        chosen = choose(manifest, platform)
        manifest = await describe(registry, replace(reference, tag=None, digest=chosen.digest), attempts)
    raise InvalidParameter("invalid manifest: its indexes do not end")


async def describe(registry: Registry, reference: Reference, attempts: int) -> Manifest | Index:
    """The manifest or index itself; its digest is checked if the reference has one."""
    wanted = reference.digest or reference.tag or "latest"
    data, headers = await registry.metadata(
        f"/v2/{reference.path}/manifests/{wanted}",
        scope=scope_of(reference.path),
        most=MOST_MANIFEST,
        headers=_ACCEPT,
        attempts=attempts,
    )
    described = parse_manifest(data, headers.get("Content-Type", ""))
    if reference.digest and described.digest != reference.digest:
        raise InvalidParameter(f"manifest verification failed for digest {reference.digest}")
    return described


async def list_tags(registry: Registry, reference: Reference, attempts: int) -> list[str]:
    """All tags of a repository; pages are followed."""
    tags: list[str] = []
    path = f"/v2/{reference.path}/tags/list"
    while path and len(tags) < _MOST_TAGS:
        data, headers = await registry.metadata(
            path, scope=scope_of(reference.path), most=MOST_MANIFEST, attempts=attempts
        )
        page = parse_json(data, "list of tags").get("tags") or []
        tags += [tag for tag in page if isinstance(tag, str)]
        link = headers.get("Link", "")
        path = link.partition("<")[2].partition(">")[0] if 'rel="next"' in link else ""
        if path and not path.startswith("/"):
            raise SystemFailure(f"{registry.endpoint.host} continues its list of tags elsewhere: {path}")
    return tags


class RemoteImage:
    """One image on its way in: the store asks it for its parts (`restd.image.intake.Source`)."""

    def __init__(
        self,
        target: Target,
        names: Sequence[str],
        platform: Platform | None,
        layers: LayerStore,
        blobs: BlobStore,
        downloads: Downloads,
        report: Report,
    ) -> None:
        self._target, self._names, self._platform = target, names, platform
        self._layers, self._blobs, self._downloads, self._report = layers, blobs, downloads, report
        self._descriptors = {layer.digest: layer for layer in target.manifest.layers}
        self._present: set[str] = set()
        self._fetched: dict[str, asyncio.Lock] = {digest: asyncio.Lock() for digest in self._descriptors}
        self._waiting: set[asyncio.Task[Any]] = set()
        self._abandoned = asyncio.Event()

    async def describe(self, directory: str) -> Found:
        """Fetch the configuration; say which layers there are."""
        manifest, registry = self._target.manifest, self._target.registry
        config = await self._config(registry, manifest.config)
        path = os.path.join(directory, "config")
        await asyncio.to_thread(_write, path, config)
        raw = parse_json(config, "image configuration")
        self._check_platform(raw)
        wanted = diff_ids(raw)
        if len(wanted) != len(manifest.layers):
            raise InvalidParameter(
                f"invalid manifest: {len(manifest.layers)} layers, but {len(wanted)} in the configuration"
            )
        members = []
        for layer, chain in zip(manifest.layers, chain_ids(wanted), strict=True):
            file = os.path.join(directory, layer.digest.removeprefix("sha256:"))
            members.append((Member(file, layer.digest, layer.size), layer.media_type))
            if self._layers.get(chain) is not None and self._blobs.has(layer.digest):
                self._present.add(layer.digest)
        for layer in self._descriptors.values():
            present = layer.digest in self._present
            self._report(words.status("Already exists" if present else "Pulling fs layer", words.short(layer.digest)))
        return Found(
            Member(path, manifest.config.digest, len(config)),
            raw,
            manifest.raw,
            None,
            tuple(members),
            list(self._names),
        )

    async def _config(self, registry: Registry, described: Descriptor) -> bytes:
        if described.size > MOST_CONFIG:
            raise InvalidParameter(f"invalid manifest: a configuration of {described.size} bytes")
        if self._blobs.has(described.digest):
            data = await asyncio.to_thread(self._blobs.read, described.digest)
            if digest_of(data) == described.digest:
                return data
        path = self._target.reference.path
        data, _ = await registry.metadata(
            f"/v2/{path}/blobs/{described.digest}", scope=scope_of(path), most=MOST_CONFIG, attempts=3
        )
        if digest_of(data) != described.digest:
            raise InvalidParameter(f"image config verification failed for digest {described.digest}")
        return data

    def _check_platform(self, raw: dict[str, Any]) -> None:
        wanted = self._platform
        if wanted is None:
            return
        found = Platform(str(raw.get("os", "")), str(raw.get("architecture", "")), str(raw.get("variant", "")))
        if (found.os, found.architecture) != (wanted.os, wanted.architecture):
            raise NotFound(
                f"image with reference {self._target.reference.familiar} was found but its platform ({found}) "
                f"does not match the specified platform ({wanted})"
            )

    async def arrived(self, member: Member) -> None:
        """Have the layer's file: linked from the store, or fetched. Unavailable after `abandon`."""
        if self._abandoned.is_set():
            raise Unavailable("the pull was given up")
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        try:
            # The same layer may be in an image twice.
            async with self._fetched[member.digest]:
                if not os.path.exists(member.path):
                    await self._fetch(member)
        except asyncio.CancelledError:
            if self._abandoned.is_set() and task.uncancel() == 0:
                raise Unavailable("the pull was given up") from None
            raise
        finally:
            self._waiting.discard(task)

    async def _fetch(self, member: Member) -> None:
        if self._blobs.link(member.digest, member.size, member.path):
            return
        target, layer = self._target, self._descriptors[member.digest]
        digits = words.short(member.digest)

        def hear(text: str, done: int) -> None:
            moving = text == "Downloading"
            self._report(words.moving(text, digits, done, layer.size) if moving else words.status(text, digits))

        await self._downloads.fetch(target.registry, target.reference.path, layer, member.path, hear)

    def unpacked(self, member: Member) -> None:
        """Say so, unless it was there before."""
        if member.digest not in self._present:
            self._report(words.status("Pull complete", words.short(member.digest)))

    def abandon(self) -> None:
        """End all waiting."""
        self._abandoned.set()
        for task in list(self._waiting):
            task.cancel()

    def progress(self, step: LoadProgress) -> None:
        """Say how far the unpacking is."""
        self._report(words.moving("Extracting", step.layer, step.current, step.total))


def _write(path: str, data: bytes) -> None:
    with open(path, "xb") as file:
        file.write(data)
