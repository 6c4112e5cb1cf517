"""The mounts of a container: Docker's defaults, then binds, tmpfs and the engine's own files, in the order of depth.

A mount that the user asked for takes the place of a default one; one at /dev takes the place of everything under it.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from restd.errors import InvalidParameter
from restd.model.container import HostConfig, Mount
from restd.oci.namespaces import HOST, NONE

INIT_PATH = "/sbin/docker-init"
_PROPAGATIONS = frozenset({"private", "rprivate", "shared", "rshared", "slave", "rslave"})
_IGNORED = frozenset({"rw", "z", "Z", "nocopy", "consistent", "cached", "delegated", ""})
_STAY_WRITABLE = frozenset({"/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"})
_TMPFS_FLAGS = frozenset(
    "ro rw suid nosuid dev nodev exec noexec sync async dirsync remount mand nomand atime noatime diratime nodiratime "
    "relatime norelatime strictatime nostrictatime bind rbind unbindable runbindable private rprivate shared rshared "
    "slave rslave".split()
)
_TMPFS_VALUES = frozenset("mode uid gid size nr_inodes nr_blocks mpol".split())
_OPPOSITES = {"ro": "rw", "suid": "nosuid", "dev": "nodev", "exec": "noexec", "async": "sync", "atime": "noatime"}


@dataclass(frozen=True, slots=True)
class Bind:
    """A host path in the container. `propagation` empty means rprivate; `source` is absolute and resolved."""

    source: str
    target: str
    read_only: bool = False
    propagation: str = ""
    recursive: bool = True
    read_only_recursive: bool = True


@dataclass(frozen=True, slots=True)
class Tmpfs:
    """Memory mounted in the container; `options` as mount(8) has them."""

    target: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mounts:
    """`mounts` for the OCI spec, and the propagation that the root needs for them (empty for the runtime's default)."""

    mounts: list[dict[str, Any]]
    root_propagation: str = ""


def parse_bind(text: str) -> Bind:
    """`SOURCE:TARGET[:OPTIONS]` of `HostConfig.Binds`, an absolute path on both sides."""
    parts = text.split(":")
    if len(parts) not in (2, 3) or not all(parts[:2]):
        raise InvalidParameter(f'invalid volume specification: "{text}"')
    source, target = parts[0], parts[1]
    if not source.startswith("/") or not target.startswith("/") or "\0" in text:
        raise InvalidParameter(f'invalid volume specification: "{text}": both paths must be absolute')
    target = posixpath.normpath(target)
    if target == "/":
        raise InvalidParameter(f"invalid volume specification: \"{text}\": invalid mount path: '/' mount path")
    propagation, access = "", ""
    for option in parts[2].split(",") if len(parts) == 3 else ():
        if option in ("ro", "rw") and not access:
            access = option
        elif option in _PROPAGATIONS and not propagation:
            propagation = option
        elif option not in _IGNORED or option in ("rw", ""):
            raise InvalidParameter(f'invalid mode: {parts[2]} in volume specification "{text}"')
    return Bind(posixpath.normpath(source), target, access == "ro", propagation)


def bind_of(mount: Mount) -> Bind:
    """The Bind of a `HostConfig.Mounts` entry of type `bind`."""
    options = mount.bind_options
    return Bind(
        posixpath.normpath(mount.source),
        posixpath.normpath(mount.target),
        mount.read_only,
        options.propagation if options else "",
        recursive=not (options and options.non_recursive),
        read_only_recursive=not (options and (options.read_only_non_recursive or options.non_recursive)),
    )


def tmpfs_of(mount: Mount) -> Tmpfs:
    """The Tmpfs of a `HostConfig.Mounts` entry of type `tmpfs`."""
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
    return Tmpfs(posixpath.normpath(mount.target), tuple(options))


def parse_tmpfs(target: str, options: str) -> Tmpfs:
    """An entry of `HostConfig.Tmpfs`: Docker's noexec, nosuid, nodev, and what was given over it."""
    if not target.startswith("/") or "\0" in target or posixpath.normpath(target) == "/":
        raise InvalidParameter(f"invalid tmpfs mount path: '{target}': an absolute path below / is expected")
    given = [option for option in options.split(",") if option]
    return Tmpfs(posixpath.normpath(target), tuple(merge_tmpfs(["noexec", "nosuid", "nodev"], given)))


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


def wanted(host_config: HostConfig) -> list[Bind | Tmpfs]:
    """All that the user asked to be mounted; InvalidParameter `Duplicate mount point: X` if two share a target."""
    result: list[Bind | Tmpfs] = [parse_bind(text) for text in host_config.binds or ()]
    for mount in host_config.mounts or ():
        if mount.type == "bind":
            result.append(bind_of(mount))
        elif mount.type == "tmpfs":
            result.append(tmpfs_of(mount))
    result += [parse_tmpfs(target, options) for target, options in (host_config.tmpfs or {}).items()]
    seen: set[str] = set()
    for entry in result:
        if entry.target in seen:
            raise InvalidParameter(f"Duplicate mount point: {entry.target}")
        seen.add(entry.target)
    return result


def build(
    host_config: HostConfig,
    *,
    files: dict[str, str],
    shm: str,
    init: str,
    kernel: tuple[int, int],
    source_propagation: Iterable[tuple[str, bool, bool]] = (),
) -> Mounts:
    """The whole list.

    `files`: target -> host file of the engine's own (hostname, hosts, resolv.conf), writable unless the root is
    read-only. `shm`: a host folder for /dev/shm, empty for a fresh tmpfs of `ShmSize`. `init`: the host's init
    program, empty for none. `source_propagation`: (mount point, is shared, is slave) of the host, for shared and
    slave binds.
    """
    user = wanted(host_config)
    targets = {entry.target for entry in user}
    propagation = _root_propagation(user, list(source_propagation))
    only_read = host_config.readonly_rootfs
    own = [Bind(source, target, only_read) for target, source in files.items()]
    if init:
        own.append(Bind(init, INIT_PATH, read_only=True, recursive=False))
    mine = [_bind(entry, kernel) for entry in own if entry.target not in targets]
    mine += [_bind(entry, kernel) if isinstance(entry, Bind) else _tmpfs(entry) for entry in user]
    mine.sort(key=lambda mount: mount["destination"].count("/"))
    return Mounts([*_defaults(host_config, shm, targets), *mine], propagation)


def _defaults(host_config: HostConfig, shm: str, targets: set[str]) -> Iterator[dict[str, Any]]:
    """The mounts that every container has, without those that the user replaced."""
    writable = host_config.privileged
    for mount in _default_list(host_config, shm):
        target = mount["destination"]
        if target in targets or ("/dev" in targets and target.startswith("/dev/")):
            continue
        if writable and target in ("/sys", "/sys/fs/cgroup"):
            mount["options"].remove("ro")
        elif host_config.readonly_rootfs and target not in _STAY_WRITABLE and "ro" not in mount["options"]:
            mount["options"].append("ro")
        yield mount


def _default_list(host_config: HostConfig, shm: str) -> Iterator[dict[str, Any]]:
    still = ["nosuid", "noexec", "nodev"]
    yield _mount("/proc", "proc", "proc", still)
    yield _mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"])
    yield _mount("/dev/pts", "devpts", "devpts", "nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5".split())
    yield _mount("/sys", "sysfs", "sysfs", [*still, "ro"])
    yield _mount("/sys/fs/cgroup", "cgroup", "cgroup", ["ro", *still])
    yield _mount("/dev/mqueue", "mqueue", "mqueue", still)
    if host_config.ipc_mode == HOST:
        yield _mount("/dev/shm", "bind", "/dev/shm", ["rbind", *still])
    elif shm:
        yield _mount("/dev/shm", "bind", shm, ["rbind", "rprivate", *still])
    elif host_config.ipc_mode != NONE:
        yield _mount("/dev/shm", "tmpfs", "shm", [*still, "mode=1777", f"size={host_config.shm_size}"])


def _mount(target: str, kind: str, source: str, options: list[str]) -> dict[str, Any]:
    return {"destination": target, "type": kind, "source": source, "options": list(options)}


def _bind(bind: Bind, kernel: tuple[int, int]) -> dict[str, Any]:
    options = ["rbind" if bind.recursive else "bind", bind.propagation or "rprivate"]
    if bind.read_only:
        # Recursively read-only needs mount_setattr(2), Linux 5.12; crun 1.8 can't do it to a file, where it is moot.
        deep = bind.recursive and bind.read_only_recursive and kernel >= (5, 12) and os.path.isdir(bind.source)
        options.append("rro" if deep else "ro")
    return _mount(bind.target, "bind", bind.source, options)


def _tmpfs(entry: Tmpfs) -> dict[str, Any]:
    return _mount(entry.target, "tmpfs", "tmpfs", list(entry.options))


def _root_propagation(user: Iterable[Bind | Tmpfs], host: list[tuple[str, bool, bool]]) -> str:
    """`shared` or `rslave` if a bind needs it; InvalidParameter if its source is not on a mount of that kind."""
    result = ""
    for entry in user:
        if not isinstance(entry, Bind) or entry.propagation.removeprefix("r") not in ("shared", "slave"):
            continue
        point, shared, slave = _mount_point_of(entry.source, host)
        if entry.propagation in ("shared", "rshared"):
            if not shared:
                raise InvalidParameter(f"path {entry.source} is mounted on {point} but it is not a shared mount")
            result = "shared"
        else:
            if not shared and not slave:
                raise InvalidParameter(
                    f"path {entry.source} is mounted on {point} but it is not a shared or slave mount"
                )
            result = result or "rslave"
    return result


def _mount_point_of(path: str, host: list[tuple[str, bool, bool]]) -> tuple[str, bool, bool]:
    """The deepest mount that holds `path`; of two on one point the later, which hides the other."""
    best = ("/", False, False)
    for entry in host:
        point = entry[0]
        if (path == point or path.startswith(point.rstrip("/") + os.sep)) and len(point) >= len(best[0]):
            best = entry
    return best
