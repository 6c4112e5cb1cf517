"""What an image archive says: docker-archive (`manifest.json`) and OCI layout (`index.json`), both at once as well.

Sources: OCI image spec (image-layout.md, image-index.md, manifest.md, annotations.md); Docker image specification v1.2
("Combined Image JSON + Filesystem Changeset Format"). An engine from Docker 25 on writes both into one archive: the
OCI half has the manifests, the Docker half all the tags.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from restd.errors import InvalidParameter
from restd.image.compression import LONGEST_MAGIC, recognise
from restd.image.configuration import Fields, diff_ids, parse_json
from restd.image.references import is_digest, parse_reference
from restd.image.spool import Member, Spool, member_name

MOST_JSON = 8 << 20
_DEEPEST_INDEX = 8
_MOST_MANIFESTS = 10_000

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
_NAME_ANNOTATION = "io.containerd.image.name"
_REF_ANNOTATION = "org.opencontainers.image.ref.name"

_MACHINES = {
    "x86_64": ("amd64", ""),
    "aarch64": ("arm64", "v8"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "i686": ("386", ""),
    "ppc64le": ("ppc64le", ""),
    "s390x": ("s390x", ""),
    "riscv64": ("riscv64", ""),
    "loongarch64": ("loong64", ""),
}


@dataclass(frozen=True, slots=True)
class Platform:
    """`os/architecture[/variant]` in Go's names."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


def host_platform() -> Platform:
    """What this host runs."""
    machine = platform.machine()
    return Platform("linux", *_MACHINES.get(machine, (machine, "")))


def parse_platform(text: str) -> Platform:
    """`os/architecture[/variant]` or `os` alone; InvalidParameter otherwise."""
    parts = text.lower().split("/")
    if not all(part and part.replace("-", "").replace("_", "").isalnum() for part in parts) or len(parts) > 3:
        raise InvalidParameter(f"invalid platform {text!r}")
    host = host_platform()
    if len(parts) == 1:
        return Platform(parts[0], host.architecture, host.variant)
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(parts[1], parts[1])
    return Platform(parts[0], architecture, parts[2] if len(parts) == 3 else "")


@dataclass(frozen=True, slots=True)
class Found:
    """One image of an archive: configuration, manifest and layers, lowest first, with the names it is to get."""

    config: Member
    raw: Mapping[str, Any]
    manifest: bytes
    manifest_member: Member | None
    layers: tuple[tuple[Member, str], ...]
    names: list[str] = field(default_factory=list)
    parent: str = ""
    """Id of the image it was made from here, if it was."""


def read_archive(spool: Spool, wanted: Platform) -> list[Found]:
    """The images of an archive, each once. InvalidParameter if there is none or one is not whole. Blocks."""
    images: dict[str, Found] = {}
    manifest = spool.find("manifest.json")
    index = spool.find("index.json")
    if manifest is None and index is None:
        raise InvalidParameter("invalid archive: neither manifest.json nor index.json is in it")
    if index is not None:
        for found in _Layout(spool, wanted).images(index):
            images.setdefault(found.config.digest, found).names.extend(
                name for name in found.names if name not in images[found.config.digest].names
            )
    if manifest is not None:
        _read_docker(spool, manifest, images)
    if not images:
        raise InvalidParameter(f"invalid archive: no image for {wanted} in it")
    return list(images.values())


def _read_docker(spool: Spool, member: Member, images: dict[str, Found]) -> None:
    """`manifest.json`: names for images that the index has, whole images otherwise."""
    try:
        items = json.loads(spool.read(member, MOST_JSON))
    except (ValueError, RecursionError) as error:
        raise InvalidParameter(f"invalid manifest.json: not JSON: {error}") from None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise InvalidParameter("invalid manifest.json: not a list of objects")
    for item in items:
        fields = Fields(item, "manifest.json")
        config = spool.find(member_name(fields.text("Config").encode()))
        if config is None:
            raise InvalidParameter(f"invalid archive: configuration {fields.text('Config')!r} is not in it")
        names = [parse_reference(name).with_default_tag().familiar for name in fields.texts("RepoTags") or ()]
        if config.digest not in images:
            images[config.digest] = _docker_image(spool, config, fields.texts("Layers") or ())
        known = images[config.digest].names
        known.extend(name for name in names if name not in known)


def _docker_image(spool: Spool, config: Member, paths: tuple[str, ...]) -> Found:
    data = spool.read(config, MOST_JSON)
    raw = parse_json(data, "image configuration")
    if len(paths) != len(diff_ids(raw)):
        raise InvalidParameter(
            f"invalid manifest.json: {len(paths)} layers, but {len(diff_ids(raw))} in the configuration"
        )
    layers = []
    for path in paths:
        layer = spool.find(member_name(path.encode()))
        if layer is None:
            raise InvalidParameter(f"invalid archive: layer {path!r} is not in it")
        with open(layer.path, "rb") as file:
            compression = recognise(file.read(LONGEST_MAGIC))
        layers.append((layer, OCI_LAYER if compression == "plain" else f"{OCI_LAYER}+{compression}"))
    return Found(config, raw, render_manifest(config, layers), None, tuple(layers))


def render_manifest(config: Member, layers: list[tuple[Member, str]]) -> bytes:
    """The manifest for an image that came without one: always the same bytes for the same parts."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": config.digest, "size": config.size},
        "layers": [{"mediaType": kind, "digest": layer.digest, "size": layer.size} for layer, kind in layers],
    }
    return json.dumps(manifest, separators=(",", ":")).encode()


class _Layout:
    """The walk through an OCI layout's indexes."""

    def __init__(self, spool: Spool, wanted: Platform) -> None:
        self._spool, self._wanted = spool, wanted
        self._seen = 0

    def images(self, index: Member) -> Iterator[Found]:
        """The images that `index.json` names, one for each of its descriptors that fits the platform."""
        value = parse_json(self._spool.read(index, MOST_JSON), "index.json")
        for descriptor in Fields(value, "index.json").objects("manifests"):
            found = self._resolve(descriptor, 0)
            if found is not None:
                yield found if not (name := _name(descriptor)) else _named(found, name)

    def _blob(self, descriptor: Mapping[str, Any]) -> Member | None:
        digest = Fields(descriptor, "descriptor").text("digest")
        if not is_digest(digest):
            raise InvalidParameter(f"invalid archive: {digest!r} is not a sha256 digest")
        member = self._spool.find("blobs/sha256/" + digest.removeprefix("sha256:"))
        size = descriptor.get("size")
        if member is not None and (member.digest != digest or (size is not None and size != member.size)):
            raise InvalidParameter(f"invalid archive: blob {digest} is not what its descriptor says")
        return member

    def _resolve(self, descriptor: Mapping[str, Any], depth: int) -> Found | None:
        """The image a descriptor leads to; None if it is for another platform, or no image, or not in the archive."""
        self._seen += 1
        if depth > _DEEPEST_INDEX or self._seen > _MOST_MANIFESTS:
            raise InvalidParameter("invalid archive: its indexes do not end")
        member = self._blob(descriptor)
        if member is None:
            if depth:
                return None
            raise InvalidParameter(f"invalid archive: manifest {descriptor.get('digest')} is not in it")
        data = self._spool.read(member, MOST_JSON)
        fields = Fields(parse_json(data, "manifest"), "manifest")
        if fields.value.get("manifests") is not None:
            return self._best(fields.objects("manifests"), depth + 1)
        if "vnd.docker.reference.type" in (Fields(descriptor, "descriptor").object("annotations") or {}):
            return None
        return self._image(fields, data, member)

    def _best(self, descriptors: list[dict[str, Any]], depth: int) -> Found | None:
        """The first whole image of the descriptors that fit, best fit first."""
        ranked = []
        for position, descriptor in enumerate(descriptors):
            rank = fit(Fields(descriptor, "descriptor").object("platform"), self._wanted)
            if rank is not None:
                ranked.append((rank, position, descriptor))
        for _, _, descriptor in sorted(ranked, key=lambda item: item[:2]):
            if (found := self._resolve(descriptor, depth)) is not None:
                return found
        return None

    def _image(self, fields: Fields, data: bytes, member: Member) -> Found | None:
        config_descriptor = fields.object("config")
        if config_descriptor is None:
            raise InvalidParameter("invalid manifest: no config")
        config = self._blob(config_descriptor)
        if config is None:
            raise InvalidParameter(f"invalid archive: configuration {config_descriptor.get('digest')} is not in it")
        raw = parse_json(self._spool.read(config, MOST_JSON), "image configuration")
        if "rootfs" not in raw:
            return None  # an artifact, not an image
        descriptors = fields.objects("layers")
        if len(descriptors) != len(diff_ids(raw)):
            raise InvalidParameter(
                f"invalid manifest: {len(descriptors)} layers, but {len(diff_ids(raw))} in the configuration"
            )
        layers = []
        for descriptor in descriptors:
            layer = self._blob(descriptor)
            if layer is None:
                raise InvalidParameter(f"invalid archive: layer {descriptor.get('digest')} is not in it")
            layers.append((layer, Fields(descriptor, "descriptor").text("mediaType") or OCI_LAYER))
        return Found(config, raw, data, member, tuple(layers))


def fit(described: Mapping[str, Any] | None, wanted: Platform) -> int | None:
    """How well a descriptor's platform fits: 0 best, None not at all. No platform said fits last."""
    if described is None:
        return 9
    fields = Fields(described, "platform")
    if fields.text("os") != wanted.os or fields.text("architecture") != wanted.architecture:
        return None
    variant = fields.text("variant")
    if variant == wanted.variant or (wanted.architecture == "arm64" and {variant, wanted.variant} <= {"", "v8"}):
        return 0
    if not variant or not wanted.variant:
        return 1
    return None if variant > wanted.variant else 2


def _name(descriptor: Mapping[str, Any]) -> str | None:
    """The familiar name that a descriptor's annotations give; a bare tag is not a name."""
    annotations = Fields(descriptor, "descriptor").object("annotations") or {}
    name = annotations.get(_NAME_ANNOTATION)
    reference = annotations.get(_REF_ANNOTATION)
    if not isinstance(name, str) and isinstance(reference, str) and ("/" in reference or ":" in reference):
        name = reference
    if not isinstance(name, str):
        return None
    try:
        parsed = parse_reference(name)
    except InvalidParameter:
        return None
    return None if parsed.digest else parsed.with_default_tag().familiar


def _named(found: Found, name: str) -> Found:
    found.names.append(name)
    return found
