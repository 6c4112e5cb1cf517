"""mount(2), umount2(2), syncfs(2) and the kernel's list of mounts, without a child process.

Sources: mount(2), umount2(2), proc_pid_mountinfo(5).
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_SYNCHRONOUS = 0x10
MS_REMOUNT = 0x20
MS_MANDLOCK = 0x40
MS_DIRSYNC = 0x80
MS_NOATIME = 0x400
MS_NODIRATIME = 0x800
MS_BIND = 0x1000
MS_MOVE = 0x2000
MS_REC = 0x4000
MS_UNBINDABLE = 0x20000
MS_PRIVATE = 0x40000
MS_SLAVE = 0x80000
MS_SHARED = 0x100000
MS_RELATIME = 0x200000
MS_STRICTATIME = 0x1000000

MNT_FORCE = 0x1
MNT_DETACH = 0x2
UMOUNT_NOFOLLOW = 0x8

_ESCAPE = re.compile(r"\\([0-7]{3})")


@lru_cache(maxsize=1)
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(function: Callable[..., int], path: str, *arguments: Any) -> None:
    """One system call; OSError (its subclass by errno) when it fails."""
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    """Mount `source` of file system `kind` on `target`; `options` is its own option string, a page at most.

    Raises OSError; an option string over a page is ValueError, because the kernel would cut it silently.
    """
    data = os.fsencode(options)
    if len(data) >= os.sysconf("SC_PAGE_SIZE"):
        raise ValueError(f"mount options of {len(data)} bytes do not fit in a page")
    _call(
        _libc().mount,
        target,
        os.fsencode(source),
        os.fsencode(target),
        os.fsencode(kind) if kind else None,
        ctypes.c_ulong(flags),
        data or None,
    )


def bind(source: str, target: str, *, recursive: bool = False, read_only: bool = False) -> None:
    """Make `source` also appear at `target`. Read-only takes a second call (the kernel ignores it on the first)."""
    mount(source, target, "", MS_BIND | (MS_REC if recursive else 0))
    if read_only:
        mount("", target, "", MS_BIND | MS_REMOUNT | MS_RDONLY)


def make_private(target: str) -> None:
    """Stop mount events from passing into and out of the mount at `target` and those below it."""
    mount("", target, "", MS_REC | MS_PRIVATE)


def unmount(target: str, *, detach: bool = False) -> None:
    """Unmount `target`; with `detach` it disappears from the tree at once, and for good with its last user.

    Never follows a symbolic link in the last component. Unmounting an overlay syncs its upper file system: that can
    take long, so call it from a thread. Raises OSError (EINVAL: not a mount point; EBUSY).
    """
    _call(_libc().umount2, target, os.fsencode(target), UMOUNT_NOFOLLOW | (MNT_DETACH if detach else 0))


def sync_file_system(path: str) -> None:
    """Write all that is dirty on the file system of `path` to its disk (syncfs(2)); OSError if that fails."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call(_libc().syncfs, path, descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo. `root` is the part of the file system that shows."""

    mount_id: int
    parent_id: int
    device: str
    root: str
    target: str
    options: str
    kind: str
    source: str
    super_options: str
    propagation: tuple[str, ...] = ()


def _plain(field: str) -> str:
    """Undo the kernel's octal escapes of space, tab, newline, backslash and hash."""
    if "\\" not in field:
        return field
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), field)


def parse_mountinfo(text: str) -> list[Mount]:
    """The mounts of a `/proc/PID/mountinfo`, in its order; ValueError for a line that has not its shape."""
    mounts = []
    for line in text.split("\n"):
        if not line:
            continue
        fields = line.split(" ")
        try:
            dash = fields.index("-", 6)  # a mount point, for one, may be called so too
        except ValueError:
            dash = len(fields)
        head, tail = fields[:dash], fields[dash + 1 :]
        if len(tail) < 3:
            raise ValueError(f"not a mountinfo line: {line!r}")
        mounts.append(
            Mount(
                mount_id=int(head[0]),
                parent_id=int(head[1]),
                device=head[2],
                root=_plain(head[3]),
                target=_plain(head[4]),
                options=head[5],
                kind=tail[0],
                source=_plain(tail[1]),
                super_options=tail[2],
                propagation=tuple(head[6:]),
            )
        )
    return mounts


def list_mounts(pid: str = "self") -> list[Mount]:
    """The mounts that process `pid` sees. Linear in the number of mounts: for one path use `is_mount_point`."""
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        return parse_mountinfo(file.read())


def is_mount_point(path: str) -> bool:
    """Whether something is mounted right at `path`: its device differs from its parent's. Two stats, no parsing.

    True for overlay, tmpfs and other file systems of their own; a bind mount inside one file system is not seen.
    A path that does not exist is not a mount point.
    """
    try:
        here, above = os.lstat(path), os.lstat(os.path.dirname(path) or ".")
    except FileNotFoundError:
        return False
    return here.st_dev != above.st_dev
