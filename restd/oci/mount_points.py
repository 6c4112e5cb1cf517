"""What a create request wants mounted, as a list of mount points: Docker's rules for `Binds`, `Mounts`, `VolumesFrom`.

Pure. Volumes have no source yet, and an anonymous one has no name: the container room makes them. Texts are Docker's.
Source: Docker Engine API, `HostConfig`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from restd.errors import InvalidParameter
from restd.model.container import HostConfig, Mount, VolumeOptions
from restd.model.volume import MountPoint

SHARED_MODE = "z"
"""What Docker shows as `Mode` of a volume for which nothing else was said."""
_PROPAGATIONS = frozenset({"private", "rprivate", "shared", "rshared", "slave", "rslave"})
_CONSISTENCIES = frozenset({"consistent", "cached", "delegated"})
_TMPFS_FLAGS = frozenset(
    "ro rw suid nosuid dev nodev exec noexec sync async dirsync remount mand nomand atime noatime diratime nodiratime "
    "relatime norelatime strictatime nostrictatime bind rbind unbindable runbindable private rprivate shared rshared "
    "slave rslave".split()
)
_TMPFS_VALUES = frozenset("mode uid gid size nr_inodes nr_blocks mpol".split())
_OPPOSITES = {"ro": "rw", "suid": "nosuid", "dev": "nodev", "exec": "noexec", "async": "sync", "atime": "noatime"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A mount point, and for a volume what it is to be made with if there is none of its name."""

    point: MountPoint
    volume: VolumeOptions = VolumeOptions()
    driver: str = ""


def wanted(host_config: HostConfig) -> list[Wanted]:
    """`Binds`, then `Mounts`; InvalidParameter `Duplicate mount point: X` if two share a target, `Tmpfs` included."""
    result = [Wanted(parse_bind(text), driver=host_config.volume_driver) for text in host_config.binds or ()]
    for mount in host_config.mounts or ():
        options = mount.volume_options or VolumeOptions()
        driver = options.driver_config.name if options.driver_config else ""
        result.append(Wanted(point_of(mount), options, driver))
    seen: set[str] = set()
    tmpfs = [tmpfs_point(target, options).target for target, options in (host_config.tmpfs or {}).items()]
    for target in (*(one.point.target for one in result), *tmpfs):
        if target in seen:
            raise InvalidParameter(f"Duplicate mount point: {target}")
        seen.add(target)
    return result


def parse_bind(text: str) -> MountPoint:
    """An entry of `Binds`: `[SOURCE:]TARGET[:MODE]`; a source that is no path names a volume, without one it is new."""
    parts = text.split(":")
    if not 1 <= len(parts) <= 3 or not parts[0] or "\0" in text:
        raise _wrong_bind(text)
    if len(parts) == 1:
        return _anonymous(text, parts[0])
    source, target, mode = parts[0], parts[1], parts[2] if len(parts) == 3 else ""
    if not target or (len(parts) == 2 and _known_mode(target)):
        raise _wrong_bind(text)
    words = _mode(mode)
    bind = source.startswith("/")
    if bind and "nocopy" in words:
        raise InvalidParameter(f"invalid mode: {mode}")
    if not bind and words & _PROPAGATIONS:
        raise _wrong_bind(text, 'invalid mount config for type "volume": field BindOptions must not be specified')
    kind = "bind" if bind else "volume"
    point = MountPoint(
        kind,
        _target(text, kind, target),
        mode=mode if bind else mode or SHARED_MODE,
        read_only="ro" in words,
    )
    if bind:
        propagation = next(iter(words & _PROPAGATIONS), "")
        return replace(point, source=posixpath.normpath(source), propagation=propagation, make_source=True)
    return replace(point, name=source, named=True, copy="nocopy" not in words)


def _anonymous(text: str, target: str) -> MountPoint:
    return MountPoint("volume", _target(text, "volume", target), mode=SHARED_MODE, copy=True)


def _wrong_bind(text: str, reason: str = "") -> InvalidParameter:
    return InvalidParameter(f"invalid volume specification: '{text}'" + (f": {reason}" if reason else ""))


def _target(text: str, kind: str, target: str) -> str:
    before = f'invalid mount config for type "{kind}"'
    if not target.startswith("/"):
        raise _wrong_bind(text, f"{before}: invalid mount path: '{target}' mount path must be absolute")
    target = posixpath.normpath(target)
    if not target.strip("/"):
        raise _wrong_bind(text, f"{before}: invalid specification: destination can't be '/'")
    return target


def _mode(mode: str) -> frozenset[str]:
    """The words of a mode; InvalidParameter `invalid mode: X` unless Docker takes them together."""
    if mode and not _known_mode(mode):
        raise InvalidParameter(f"invalid mode: {mode}")
    return frozenset(mode.split(",")) if mode else frozenset()


def _known_mode(mode: str) -> bool:
    """At most one word of each sort: access, label, propagation, copying, consistency."""
    words = mode.split(",")
    sorts = [_sort(word) for word in words]
    return all(sorts) and len(set(sorts)) == len(sorts)


def _sort(word: str) -> str:
    for sort, known in (
        ("access", ("ro", "rw")),
        ("label", ("z", "Z")),
        ("propagation", _PROPAGATIONS),
        ("copying", ("nocopy",)),
        ("consistency", _CONSISTENCIES),
    ):
        if word in known:
            return sort
    return ""


def point_of(mount: Mount) -> MountPoint:
    """An entry of `Mounts`, which has been checked."""
    target = posixpath.normpath(mount.target)
    if mount.type == "tmpfs":
        return MountPoint("tmpfs", target, read_only=mount.read_only, options=tuple(_tmpfs_options(mount)))
    if mount.type == "volume":
        options = mount.volume_options or VolumeOptions()
        return MountPoint(
            "volume",
            target,
            name=mount.source,
            mode=SHARED_MODE,
            read_only=mount.read_only,
            named=bool(mount.source),
            copy=not options.no_copy,
            subpath=options.subpath,
        )
    bind = mount.bind_options
    return MountPoint(
        "bind",
        target,
        source=posixpath.normpath(mount.source),
        read_only=mount.read_only,
        propagation=bind.propagation if bind else "",
        flat=bool(bind and bind.non_recursive),
        flat_read_only=bool(bind and (bind.read_only_non_recursive or bind.non_recursive)),
        make_source=bool(bind and bind.create_mountpoint),
    )


def declared(paths: Iterable[str], taken: Iterable[str]) -> Iterator[MountPoint]:
    """The anonymous volumes of `Config.Volumes` (the image's included), but for targets that have something already."""
    used = set(taken)
    for path in paths:
        target = posixpath.normpath(f"/{path}")
        target = f"/{target.strip('/')}"
        if target == "/" or "\0" in target:
            raise InvalidParameter(f"invalid volume specification: '{path}': invalid mount path: '{path}' mount path")
        if target not in used:
            used.add(target)
            yield MountPoint("volume", target, copy=True)


def parse_volumes_from(text: str) -> tuple[str, str]:
    """An entry of `VolumesFrom`, `CONTAINER[:MODE]`: the container as named, and the mode."""
    if not text:
        raise InvalidParameter("volumes-from specification cannot be an empty string")
    container, _, mode = text.partition(":")
    words = _mode(mode)
    if "nocopy" in words or words & _PROPAGATIONS:
        raise InvalidParameter(f"invalid mode: {mode}")
    return container, mode


def inherited(points: Iterable[MountPoint], mode: str) -> Iterator[MountPoint]:
    """What a container gets from another's mount points; nothing is copied into volumes again."""
    read_only = "ro" in mode.split(",")
    for point in points:
        yield replace(point, mode="", read_only=point.read_only or read_only, copy=False)


def _tmpfs_options(mount: Mount) -> list[str]:
    options = ["noexec", "nosuid", "nodev"]
    if mount.read_only:
        options.append("ro")
    if given := mount.tmpfs_options:
        for entry in given.options or ():
            options = merge_tmpfs(options, ["=".join(entry)])
        if given.size_bytes:
            options.append(f"size={given.size_bytes}")
        if given.mode:
            options.append(f"mode={given.mode:o}")
    return options


def tmpfs_point(target: str, options: str) -> MountPoint:
    """An entry of `HostConfig.Tmpfs`: Docker's noexec, nosuid, nodev, and what was given over it."""
    if not target.startswith("/") or "\0" in target or posixpath.normpath(target) == "/":
        raise InvalidParameter(f"invalid tmpfs mount path: '{target}': an absolute path below / is expected")
    given = [option for option in options.split(",") if option]
    merged = merge_tmpfs(["noexec", "nosuid", "nodev"], given)
    return MountPoint("tmpfs", posixpath.normpath(target), options=tuple(merged))


def merge_tmpfs(base: list[str], given: Iterable[str]) -> list[str]:
    """`base` with `given` over it: a later word replaces its opposite and its own earlier value."""
    result = list(base)
    for option in given:
        key, equals, value = option.partition("=")
        if equals:
            if key not in _TMPFS_VALUES or not value or not re.fullmatch(r"[\w.:,%-]+", value, re.ASCII):
                raise InvalidParameter(f'Invalid tmpfs option ["{option}"]')
            result = [entry for entry in result if not entry.startswith(f"{key}=")]
        elif key not in _TMPFS_FLAGS:
            raise InvalidParameter(f'Invalid tmpfs option ["{option}"]')
        result = [entry for entry in result if entry not in (option, _opposite(option))] + [option]
    return result


def _opposite(flag: str) -> str:
    for one, other in _OPPOSITES.items():
        if flag in (one, other):
            return other if flag == one else one
    return f"no{flag}" if not flag.startswith("no") else flag[2:]
