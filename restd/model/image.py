"""Images as every room sees them: immutable values, no paths and no I/O.

Field meanings follow the OCI image configuration (https://github.com/opencontainers/image-spec/blob/main/config.md)
and the Docker image config, which is a superset of it. Times are nanoseconds since the epoch, 0 when unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What an image says about the containers made from it. None where the image says nothing at all."""

    user: str = ""
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    working_dir: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""
    healthcheck: Mapping[str, Any] | None = None
    shell: tuple[str, ...] | None = None
    on_build: tuple[str, ...] = ()
    args_escaped: bool = False


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """One entry of the configuration's `history`, oldest first; an `empty` step made no layer."""

    created: int = 0
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty: bool = False


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One row of `GET /images/NAME/history`, newest first. `id` is `<missing>` for all but the image itself."""

    id: str
    created: int
    created_by: str
    tags: tuple[str, ...]
    size: int
    comment: str


@dataclass(frozen=True, slots=True)
class ImageLayer:
    """One layer: the blob as it came (`digest`, `blob_size` bytes, `media_type`) and what it unpacks to.

    `diff_id` is the digest of the plain tar, `chain_id` that of the whole stack up to here; both `sha256:HEX`.
    """

    digest: str
    blob_size: int
    media_type: str
    diff_id: str
    chain_id: str


@dataclass(frozen=True, slots=True)
class Image:
    """One image. `id` is the digest of its configuration, `sha256:HEX`.

    `repo_tags` and `repo_digests` are in familiar form (`busybox:latest`). `size` is the sum of the unpacked layers in
    bytes. `raw` is the whole configuration as it came, for what only a client understands.
    """

    id: str
    manifest_digest: str
    layers: tuple[ImageLayer, ...]
    config: ImageConfig
    raw: Mapping[str, Any]
    repo_tags: tuple[str, ...] = ()
    repo_digests: tuple[str, ...] = ()
    created: int = 0
    size: int = 0
    architecture: str = ""
    variant: str = ""
    os: str = ""
    author: str = ""
    comment: str = ""
    parent: str = ""
    docker_version: str = ""
    last_tag_time: int = 0

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """`RootFS.Layers`: digests of the plain layer tars, lowest first."""
        return tuple(layer.diff_id for layer in self.layers)

    @property
    def chain_id(self) -> str:
        """The topmost chain id, or an empty string for an image without layers."""
        return self.layers[-1].chain_id if self.layers else ""


@dataclass(frozen=True, slots=True)
class ImageUse:
    """A container that uses an image: what removal and prune must respect. `image_id` is `sha256:HEX`."""

    container_id: str
    running: bool
    image_id: str


@dataclass(frozen=True, slots=True)
class Untagged:
    """A removal took this reference away (familiar form)."""

    reference: str


@dataclass(frozen=True, slots=True)
class Deleted:
    """A removal deleted this image or layer (`sha256:HEX`)."""

    digest: str


@dataclass(frozen=True, slots=True)
class PruneResult:
    """What a prune did, in order, and the bytes of unpacked layers it freed."""

    removed: tuple[Untagged | Deleted, ...]
    reclaimed: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """One line of a load's answer: a familiar reference, or None for an image without a name, and the image's id."""

    name: str | None
    id: str


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """A layer on its way in: twelve digits of its digest, bytes done and bytes in all."""

    layer: str
    current: int
    total: int


@dataclass(frozen=True, slots=True)
class GraphDriver:
    """`GraphDriver` of an inspect answer: the driver's name and its directories."""

    name: str
    data: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LayerSizes:
    """Bytes a container wrote itself (`SizeRw`), and those together with its image's (`SizeRootFs`)."""

    rw: int
    root_fs: int
