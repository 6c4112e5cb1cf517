"""Reading a small file inside a container's root file system, without ever following a link out of it.

A container may have made any name in it a link, a FIFO or a device. The kernel resolves the path as if the root were
`/` (openat2(2) with RESOLVE_IN_ROOT, Linux 5.6), so there is no race between looking and opening.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from functools import lru_cache

_SYS_OPENAT2 = 437  # the same on every architecture
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_IN_ROOT = 0x10
_RETRIES = 32
LIMIT = 4 << 20


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


@lru_cache(maxsize=1)
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def open_inside(root: str, path: str, flags: int = os.O_RDONLY) -> int:
    """A descriptor of `path`, as a process in `root` would see it; the caller closes it. Raises OSError.

    A link to `/etc/passwd` inside `root` means the one inside. Never blocks on a FIFO.
    """
    directory = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # The kernel refuses anything beside O_PATH that has no meaning with it.
        flags |= os.O_CLOEXEC if flags & os.O_PATH else os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        how = _OpenHow(flags, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
        for _ in range(_RETRIES):
            descriptor = _libc().syscall(
                _SYS_OPENAT2, directory, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how)
            )
            if descriptor >= 0:
                return int(descriptor)
            # EAGAIN: a rename on the way could have led out; the kernel asks for another try.
            if (number := ctypes.get_errno()) not in (errno.EAGAIN, errno.EINTR):
                raise OSError(number, os.strerror(number), path)
        raise OSError(errno.EAGAIN, "the path keeps changing", path)
    finally:
        os.close(directory)


def read_inside(root: str, path: str, limit: int = LIMIT) -> str:
    """The text of a file in `root`, `limit` bytes at most; empty if there is none or it isn't a regular file.

    Bytes that aren't UTF-8 become U+FFFD.
    """
    try:
        descriptor = open_inside(root, path)
    except OSError:
        return ""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        parts = []
        while limit > 0 and (part := os.read(descriptor, limit)):
            parts.append(part)
            limit -= len(part)
        return b"".join(parts).decode(errors="replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)
