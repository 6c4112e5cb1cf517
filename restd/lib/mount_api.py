"""Mounts by descriptor: open_tree(2), move_mount(2), and a mount namespace of one's own.

A mount taken by descriptor can be put where a path leads inside a chroot, whatever the links there say. Since Linux
5.2; the numbers are the same on every architecture.
"""

from __future__ import annotations

import ctypes
import os

_OPEN_TREE, _MOVE_MOUNT = 428, 429
_OPEN_TREE_CLONE, _AT_RECURSIVE, _CLOEXEC = 0x1, 0x8000, os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 0x4
_MOVE_MOUNT_T_SYMLINKS = 0x10
_AT_FDCWD = -100
_CLONE_NEWNS = 0x20000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000


def _check(result: int, path: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def private_mounts() -> None:
    """Leave the mount namespace; what is mounted from here on nobody else sees. OSError without the privilege."""
    libc = _libc()
    _check(libc.unshare(_CLONE_NEWNS), "unshare")
    _check(libc.mount(b"none", b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None), "/")


def clone_mount(source: str) -> int:
    """A descriptor of a bind mount of `source` and what is mounted below it, which is nowhere yet."""
    flags = ctypes.c_uint(_OPEN_TREE_CLONE | _AT_RECURSIVE | _CLOEXEC)
    return _check(_libc().syscall(_OPEN_TREE, _AT_FDCWD, os.fsencode(source), flags), source)


def move_mount(descriptor: int, target: str) -> None:
    """Put the mount of `descriptor` on `target`, its links followed."""
    flags = ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH | _MOVE_MOUNT_T_SYMLINKS)
    _check(_libc().syscall(_MOVE_MOUNT, descriptor, b"", _AT_FDCWD, os.fsencode(target), flags), target)
