"""Devices of a container: Docker's default list, the host's that were asked for, or all of them when privileged.

The default device nodes (null, zero, full, random, urandom, tty, console, ptmx) are made by the runtime itself; only
the cgroup's list of what may be used is ours.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from restd.errors import InvalidParameter
from restd.model.container import Device, HostConfig

_DEFAULT_ALLOWED = (
    ("c", 1, 3, "rwm"),  # null
    ("c", 1, 5, "rwm"),  # zero
    ("c", 1, 7, "rwm"),  # full
    ("c", 1, 8, "rwm"),  # random
    ("c", 1, 9, "rwm"),  # urandom
    ("c", 5, 0, "rwm"),  # tty
    ("c", 5, 1, "rwm"),  # console
    ("c", 5, 2, "rwm"),  # ptmx
    ("c", 136, None, "rwm"),  # pts
    ("c", None, None, "m"),
    ("b", None, None, "m"),
)
_NOT_DEVICES = frozenset({"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console"})
_DEPTH = 8
_MOST = 4096


@dataclass(frozen=True, slots=True)
class Node:
    """One device file: `kind` is `c` or `b`; `mode` permission bits."""

    path: str
    kind: str
    major: int
    minor: int
    mode: int
    uid: int
    gid: int
    access: str = "rwm"

    def rule(self) -> dict[str, Any]:
        """Its entry of the device cgroup."""
        return {"allow": True, "type": self.kind, "major": self.major, "minor": self.minor, "access": self.access}

    def node(self) -> dict[str, Any]:
        """Its entry of `linux.devices`."""
        return {
            "path": self.path,
            "type": self.kind,
            "major": self.major,
            "minor": self.minor,
            "fileMode": self.mode,
            "uid": self.uid,
            "gid": self.gid,
        }


def devices(host_config: HostConfig) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """`linux.devices`, and the list for the device cgroup. Reads the host's /dev when a device was asked for."""
    if host_config.privileged:
        nodes = list(_walk("/dev", "/dev", "rwm"))
        added = {os.path.normpath(entry.path_in_container or entry.path_on_host) for entry in host_config.devices or ()}
        nodes = [node for node in nodes if node.path not in added] + list(_asked(host_config.devices))
        return [node.node() for node in nodes], [{"allow": True, "access": "rwm"}]
    rules: list[dict[str, Any]] = [{"allow": False, "access": "rwm"}]
    for kind, major, minor, access in _DEFAULT_ALLOWED:
        rule: dict[str, Any] = {"allow": True, "type": kind, "access": access}
        if major is not None:
            rule["major"] = major
        if minor is not None:
            rule["minor"] = minor
        rules.append(rule)
    asked = list(_asked(host_config.devices))
    return [node.node() for node in asked], rules + [node.rule() for node in asked]


def _asked(wanted: Iterable[Device] | None) -> Iterator[Node]:
    for entry in wanted or ():
        access = entry.cgroup_permissions or "rwm"
        if set(access) - set("rwm") or len(set(access)) != len(access):
            raise InvalidParameter(f"invalid device mode: {access}")
        yield from _resolve(entry.path_on_host, entry.path_in_container or entry.path_on_host, access)


def _resolve(source: str, target: str, access: str) -> Iterator[Node]:
    """The device at `source`, or every device below it if it is a folder; links are followed as the host has them."""
    if not os.path.isabs(source) or not os.path.isabs(target) or "\0" in source + target:
        raise InvalidParameter(f"invalid device path: {source}:{target}: both must be absolute")
    try:
        found = os.stat(source)
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise InvalidParameter(
            f'error gathering device information while adding custom device "{source}": {reason}'
        ) from error
    if stat.S_ISDIR(found.st_mode):
        nodes = list(_walk(source, target, access))
    else:
        nodes = [node] if (node := _node(target, found, access)) else []
    if not nodes:
        raise InvalidParameter(
            f'error gathering device information while adding custom device "{source}": not a device node'
        )
    yield from nodes


def _walk(folder: str, target: str, access: str, depth: int = 0) -> Iterator[Node]:
    """The devices in a folder and below; never through a link, never into other file systems of /dev."""
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)[:_MOST]
    except OSError:
        return
    for entry in entries:
        if depth == 0 and folder == "/dev" and entry.name in _NOT_DEVICES:
            continue
        path = os.path.join(target, entry.name)
        if entry.is_dir(follow_symlinks=False):
            if depth < _DEPTH:
                yield from _walk(entry.path, path, access, depth + 1)
            continue
        try:
            found = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        if node := _node(path, found, access):
            yield node


def _node(path: str, found: os.stat_result, access: str) -> Node | None:
    kind = "c" if stat.S_ISCHR(found.st_mode) else "b" if stat.S_ISBLK(found.st_mode) else ""
    if not kind:
        return None
    return Node(
        path=os.path.normpath(path),
        kind=kind,
        major=os.major(found.st_rdev),
        minor=os.minor(found.st_rdev),
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        access=access,
    )
