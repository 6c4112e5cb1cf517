"""Volumes, and what a container has mounted, as every room sees them."""

from __future__ import annotations

from dataclasses import dataclass

from restd.model.docker_json import optional

LOCAL = "local"
ANONYMOUS_LABEL = "com.docker.volume.anonymous"


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume of the local driver. `mountpoint` holds its files; `created` in nanoseconds.

    `labels` and `options` are None if they were never given, which Docker shows as null.
    """

    name: str
    mountpoint: str
    created: int
    labels: dict[str, str] | None = None
    options: dict[str, str] | None = None

    @property
    def anonymous(self) -> bool:
        """Whether the engine made up its name."""
        return ANONYMOUS_LABEL in (self.labels or {})


@dataclass(frozen=True, slots=True)
class VolumeUsage:
    """A volume with the bytes that its files take and the number of containers that have it."""

    volume: Volume
    size: int
    references: int


@dataclass(frozen=True, slots=True)
class MountPoint:
    """Something that a container has mounted, as its create resolved it. `HostConfig.Tmpfs` is not among these.

    `type`: bind, volume, tmpfs. `source`: the host path of a bind, where the files of a volume are.
    """

    type: str
    target: str
    source: str = optional("")
    name: str = optional("")
    """Of a volume."""
    mode: str = optional("")
    """The words that inspect shows: what stood behind the target in `Binds`."""
    read_only: bool = optional(False)
    propagation: str = optional("")
    """Of a bind; empty means rprivate."""
    named: bool = optional(False)
    """The volume's name came from the user: it stays when the container goes."""
    copy: bool = optional(False)
    """The volume is filled from the image while it is empty."""
    subpath: str = optional("")
    """The part of the volume that is mounted."""
    flat: bool = optional(False)
    """A bind without the mounts below its source."""
    flat_read_only: bool = optional(False)
    """Read-only, but not the mounts below the source."""
    make_source: bool = optional(False)
    """A missing source is made at start."""
    options: tuple[str, ...] = optional(())
    """Of a tmpfs, as mount(8) has them."""
