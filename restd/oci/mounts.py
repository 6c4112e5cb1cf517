"""The mounts of a container: Docker's defaults, then binds, volumes, tmpfs and the engine's own files, by depth.

A mount that the user asked for takes the place of a default one; one at /dev takes the place of everything under it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from restd.errors import InvalidParameter
from restd.model.container import HostConfig
from restd.model.volume import MountPoint
from restd.oci.mount_points import tmpfs_point
from restd.oci.namespaces import HOST, NONE

INIT_PATH = "/sbin/docker-init"
_STAY_WRITABLE = frozenset({"/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"})


@dataclass(frozen=True, slots=True)
class Mounts:
    """`mounts` for the OCI spec, and the propagation that the root needs for them (empty for the runtime's default)."""

    mounts: list[dict[str, Any]]
    root_propagation: str = ""


def build(
    host_config: HostConfig,
    points: Sequence[MountPoint],
    *,
    files: dict[str, str],
    shm: str,
    init: str,
    kernel: tuple[int, int],
    source_propagation: Iterable[tuple[str, bool, bool]] = (),
) -> Mounts:
    """The whole list.

    `points`: what the user asked for, with the sources where they are now. `files`: target -> host file of the engine's
    own (hostname, hosts, resolv.conf), writable unless the root is read-only. `shm`: a host folder for /dev/shm, empty
    for a fresh tmpfs of `ShmSize`. `init`: the host's init program, empty for none. `source_propagation`: (mount point,
    is shared, is slave) of the host, for shared and slave binds.
    """
    user = [*points, *(tmpfs_point(target, options) for target, options in (host_config.tmpfs or {}).items())]
    targets = {point.target for point in user}
    propagation = _root_propagation(points, list(source_propagation))
    only_read = host_config.readonly_rootfs
    own = [MountPoint("bind", target, source, read_only=only_read) for target, source in files.items()]
    if init:
        own.append(MountPoint("bind", INIT_PATH, init, read_only=True, flat=True))
    mine = [_user(point, kernel) for point in own if point.target not in targets]
    mine += [_user(point, kernel) for point in user]
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


def _user(point: MountPoint, kernel: tuple[int, int]) -> dict[str, Any]:
    if point.type == "tmpfs":
        return _mount(point.target, "tmpfs", "tmpfs", list(point.options))
    options = ["bind" if point.flat else "rbind", point.propagation or "rprivate"]
    if point.read_only:
        # Recursively read-only needs mount_setattr(2), Linux 5.12; crun 1.8 can't do it to a file, where it is moot.
        wanted = point.type == "bind" and not (point.flat or point.flat_read_only)
        deep = wanted and kernel >= (5, 12) and os.path.isdir(point.source)
        options.append("rro" if deep else "ro")
    return _mount(point.target, "bind", point.source, options)


def _root_propagation(points: Iterable[MountPoint], host: list[tuple[str, bool, bool]]) -> str:
    """`shared` or `rslave` if a bind needs it; InvalidParameter if its source is not on a mount of that kind."""
    result = ""
    for point in points:
        if not needs_propagation(point):
            continue
        where, shared, slave = _mount_point_of(point.source, host)
        if point.propagation in ("shared", "rshared"):
            if not shared:
                raise InvalidParameter(f"path {point.source} is mounted on {where} but it is not a shared mount")
            result = "shared"
        else:
            if not shared and not slave:
                raise InvalidParameter(
                    f"path {point.source} is mounted on {where} but it is not a shared or slave mount"
                )
            result = result or "rslave"
    return result


def needs_propagation(point: MountPoint) -> bool:
    """Whether mounts are to pass between the host and the container at this point."""
    return point.type == "bind" and point.propagation.removeprefix("r") in ("shared", "slave")


def _mount_point_of(path: str, host: list[tuple[str, bool, bool]]) -> tuple[str, bool, bool]:
    """The deepest mount that holds `path`; of two on one point the later, which hides the other."""
    best = ("/", False, False)
    for entry in host:
        point = entry[0]
        if (path == point or path.startswith(point.rstrip("/") + os.sep)) and len(point) >= len(best[0]):
            best = entry
    return best
