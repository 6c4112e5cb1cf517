"""Manifests and indexes as registries send them: Docker schema 2 and OCI. Pure.

OCI image spec (manifest.md, image-index.md, descriptor.md); Docker "Image Manifest Version 2, Schema 2".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from restd.errors import InvalidParameter, NotFound
from restd.image.archive import DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Platform, fit
from restd.image.configuration import MOST_LAYERS, Fields, parse_json
from restd.image.references import is_digest

MOST_MANIFEST = 4 << 20
"""Bytes; what the distribution specification asks registries to take at least."""
MOST_CONFIG = 8 << 20
_MOST_BLOB = 256 << 30
MANIFEST_TYPES = (DOCKER_MANIFEST, OCI_MANIFEST, DOCKER_INDEX, OCI_INDEX)
_CONFIG_TYPES = frozenset(
    (
        "",
        "application/vnd.docker.container.image.v1+json",
        "application/vnd.oci.image.config.v1+json",
        "application/octet-stream",
    )
)
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A blob that a manifest names. `urls` are for foreign layers, which registries need not have."""

    digest: str
    size: int
    media_type: str
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image: its configuration and its layers, lowest first. `raw` are the bytes that `digest` is of."""

    raw: bytes
    digest: str
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """Several images, by platform."""

    raw: bytes
    digest: str
    media_type: str
    manifests: tuple[dict[str, Any], ...]


def digest_of(data: bytes) -> str:
    """`sha256:HEX`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def parse_manifest(data: bytes, content_type: str) -> Manifest | Index:
    """What a registry answered; InvalidParameter for what it may not be."""
    content_type = content_type.partition(";")[0].strip().lower()
    if content_type.startswith(_SCHEMA_1):
        raise InvalidParameter(
            "the registry has this image as a schema 1 manifest, which is no longer supported: push it again"
        )
    fields = Fields(parse_json(data, "manifest"), "manifest")
    if fields.value.get("schemaVersion") != 2:
        raise InvalidParameter("invalid manifest: schemaVersion is not 2")
    media_type = fields.text("mediaType") or (content_type if content_type in MANIFEST_TYPES else "")
    if fields.value.get("manifests") is not None:
        if media_type not in ("", DOCKER_INDEX, OCI_INDEX):
            raise InvalidParameter(f"invalid manifest: an index is said to be {media_type}")
        return Index(data, digest_of(data), media_type or OCI_INDEX, tuple(fields.objects("manifests")))
    config = fields.object("config")
    if config is None:
        raise InvalidParameter("invalid manifest: no config")
    described = parse_descriptor(config)
    if described.media_type not in _CONFIG_TYPES:
        raise InvalidParameter(f"unsupported media type {described.media_type}: not an image that containers run from")
    layers = tuple(parse_descriptor(layer) for layer in fields.objects("layers"))
    if len(layers) > MOST_LAYERS:
        raise InvalidParameter(f"invalid manifest: {len(layers)} layers, the most are {MOST_LAYERS}")
    return Manifest(data, digest_of(data), media_type or OCI_MANIFEST, described, layers)


def parse_descriptor(value: dict[str, Any]) -> Descriptor:
    """One descriptor; InvalidParameter if its digest or size is none."""
    fields = Fields(value, "descriptor")
    digest, size = fields.text("digest"), value.get("size")
    if not is_digest(digest):
        raise InvalidParameter(f"invalid descriptor: {digest!r} is not a sha256 digest")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MOST_BLOB:
        raise InvalidParameter(f"invalid descriptor of {digest}: size {size!r}")
    return Descriptor(digest, size, fields.text("mediaType"), fields.texts("urls") or ())


def choose(index: Index, wanted: Platform) -> Descriptor:
    """The manifest for a platform, best fit first; NotFound in Docker's words."""
    ranked: list[tuple[int, int, dict[str, Any]]] = []
    for position, value in enumerate(index.manifests):
        fields = Fields(value, "descriptor")
        if "vnd.docker.reference.type" in (fields.object("annotations") or {}):
            continue
        if (rank := fit(fields.object("platform"), wanted)) is not None:
            ranked.append((rank, position, value))
    if not ranked:
        raise NotFound(f"no matching manifest for {wanted} in the manifest list entries")
    return parse_descriptor(min(ranked, key=lambda item: item[:2])[2])


def platforms(index: Index) -> Sequence[dict[str, Any]]:
    """The platforms of an index, as its descriptors give them."""
    found = (Fields(value, "descriptor").object("platform") for value in index.manifests)
    return [platform for platform in found if platform is not None]
