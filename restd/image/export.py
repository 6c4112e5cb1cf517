"""`docker save`: images as one tar that is both an OCI layout and a docker-archive, the form engines from 25 on write.

The same images give the same bytes: names are sorted, times are zero, blobs are the ones that came in.
"""

from __future__ import annotations

import asyncio
import json
import os
import tarfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from restd.image.archive import OCI_INDEX, OCI_MANIFEST
from restd.image.blobs import BlobStore
from restd.image.references import Reference
from restd.model.image import Image

_READ = 1 << 20
_BLOCK = 512
_END = bytes(2 * _BLOCK)


@dataclass(frozen=True, slots=True)
class Chosen:
    """An image to save, with the references to save it under (none: by id alone)."""

    image: Image
    references: tuple[Reference, ...]


def _header(name: str, size: int, *, directory: bool = False) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mtime = size, 0
    info.type = tarfile.DIRTYPE if directory else tarfile.REGTYPE
    info.mode = 0o755 if directory else 0o644
    return info.tobuf(tarfile.PAX_FORMAT)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _blob_path(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def index(chosen: Sequence[Chosen], manifests: Sequence[bytes]) -> bytes:
    """`index.json`: a descriptor for each reference, or one without a name. `manifests` in the images' order."""
    descriptors: list[dict[str, Any]] = []
    for item, manifest in zip(chosen, manifests, strict=True):
        image = item.image
        kind = json.loads(manifest).get("mediaType") or OCI_MANIFEST
        described: dict[str, Any] = {"mediaType": kind, "digest": image.manifest_digest, "size": len(manifest)}
        if image.os and image.architecture:
            described["platform"] = {"os": image.os, "architecture": image.architecture}
            if image.variant:
                described["platform"]["variant"] = image.variant
        for reference in item.references:
            names = {"io.containerd.image.name": str(reference), "org.opencontainers.image.ref.name": reference.tag}
            descriptors.append({**described, "annotations": names})
        if not item.references:
            descriptors.append(described)
    return _json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": descriptors})


def docker_manifest(chosen: Sequence[Chosen]) -> bytes:
    """`manifest.json`, for engines that do not read OCI layouts."""
    return _json(
        [
            {
                "Config": _blob_path(item.image.id),
                "RepoTags": [reference.familiar for reference in item.references] or None,
                "Layers": [_blob_path(layer.digest) for layer in item.image.layers],
            }
            for item in chosen
        ]
    )


def repositories(chosen: Sequence[Chosen]) -> bytes:
    """`repositories`, for very old engines: repository -> tag -> topmost layer."""
    names: dict[str, dict[str, str]] = {}
    for item in chosen:
        top = item.image.layers[-1].digest if item.image.layers else item.image.id
        for reference in item.references:
            names.setdefault(reference.familiar_name, {})[reference.tag or ""] = top.removeprefix("sha256:")
    return _json(names)


async def export(chosen: Sequence[Chosen], blobs: BlobStore) -> AsyncIterator[bytes]:
    """The archive, in pieces of about 1 MiB at most."""
    digests = set()
    manifests = []
    for item in chosen:
        image = item.image
        digests |= {image.id, image.manifest_digest, *(layer.digest for layer in image.layers)}
        manifests.append(await asyncio.to_thread(blobs.read, image.manifest_digest))
    yield _header("blobs/", 0, directory=True) + _header("blobs/sha256/", 0, directory=True)
    for digest in sorted(digests):
        async for piece in _blob(blobs.path(digest), _blob_path(digest)):
            yield piece
    files = {
        "index.json": index(chosen, manifests),
        "manifest.json": docker_manifest(chosen),
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "repositories": repositories(chosen),
    }
    yield (
        b"".join(_header(name, len(data)) + data + bytes(-len(data) % _BLOCK) for name, data in sorted(files.items()))
        + _END
    )


async def _blob(path: str, name: str) -> AsyncIterator[bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        yield _header(name, size)
        while data := await asyncio.to_thread(os.read, descriptor, _READ):
            yield data
        yield bytes(-size % _BLOCK)
    finally:
        os.close(descriptor)
