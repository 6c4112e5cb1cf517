"""Trees as tar, fast: for the process that is chrooted into them (`tree_child.py`). Standard library only."""

from __future__ import annotations

import os
import stat

from restd.image import tar_header as th

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_COPY = 1 << 20
_SKIPPED_XATTRS = ("trusted.overlay.", "security.selinux", "system.")
_OPAQUE = "trusted.overlay.opaque"
_WHITEOUT = b".wh."
MOUNT_FILES = frozenset((b".dockerenv", b"dev/console", b"etc/hostname", b"etc/hosts", b"etc/resolv.conf"))
MOUNT_DIRECTORIES = frozenset(
    (b"dev", b"dev/mqueue", b"dev/pts", b"dev/shm", b"etc", b"proc", b"sys", b"sys/fs", b"sys/fs/cgroup")
)
"""What a runtime makes to mount upon. An image must not get them, nor `diff` show them: nobody has written there."""
_KINDS = {stat.S_IFCHR: th.CHAR, stat.S_IFBLK: th.BLOCK_DEVICE, stat.S_IFIFO: th.FIFO}


class Packer:
    """Writes trees as tar to a descriptor. `layer`: an overlayfs upper directory, its marks become whiteouts."""

    def __init__(self, output: int, *, layer: bool = False) -> None:
        self._output, self._layer = output, layer
        self._links: dict[tuple[int, int], bytes] = {}
        self._held: list[bytes] = []
        self._size = 0

    def tree(self, path: bytes, name: bytes) -> None:
        """`path` and what is below it, under `name`; an empty name leaves out the top itself."""
        found = os.lstat(path)
        if stat.S_ISDIR(found.st_mode):
            self._directory(path, name, found, top=True)
        else:
            self._member(path, name, found)

    def end(self) -> None:
        """The end of the archive."""
        self._put(th.END)
        self._flush()

    def _put(self, data: bytes) -> None:
        self._held.append(data)
        self._size += len(data)
        if self._size >= _COPY:
            self._flush()

    def _flush(self) -> None:
        view = memoryview(b"".join(self._held))
        self._held, self._size = [], 0
        while view:
            view = view[os.write(self._output, view) :]

    def _directory(self, path: bytes, name: bytes, found: os.stat_result, *, top: bool = False) -> None:
        try:
            names = sorted(os.listdir(path))
        except (FileNotFoundError, NotADirectoryError):
            return  # it has gone while we were on the way
        opaque = self._layer and is_opaque(path)
        if self._layer and not top and not opaque and only_mounted_upon(path, found, names):
            return
        if name:
            attributes = _attributes(path)
            self._put(
                th.header(
                    th.DIRECTORY,
                    name + b"/" if name != b"/" else name,
                    mode=stat.S_IMODE(found.st_mode),
                    uid=found.st_uid,
                    gid=found.st_gid,
                    mtime=found.st_mtime_ns // 10**9,
                    xattrs=attributes,
                )
            )
        if opaque:
            self._put(th.header(th.REGULAR, _join(name, b".wh..wh..opq")))
        for entry in names:
            inner = path + b"/" + entry if path != b"/" else b"/" + entry
            try:
                below = os.lstat(inner)
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(below.st_mode):
                self._directory(inner, _join(name, entry), below)
            else:
                self._member(inner, _join(name, entry), below)

    def _member(self, path: bytes, name: bytes, found: os.stat_result) -> None:
        kind = stat.S_IFMT(found.st_mode)
        if self._layer and kind == stat.S_IFCHR and found.st_rdev == 0:
            folder, base = os.path.split(name)
            self._put(th.header(th.REGULAR, _join(folder, _WHITEOUT + base)))
            return
        if self._layer and path.lstrip(b"/") in MOUNT_FILES and kind == stat.S_IFREG and not found.st_size:
            return
        if kind == stat.S_IFSOCK:
            return
        common: dict[str, Any] = {
            "mode": stat.S_IMODE(found.st_mode),
            "uid": found.st_uid,
            "gid": found.st_gid,
            "mtime": found.st_mtime_ns // 10**9,
        }
        if found.st_nlink > 1:
            key = (found.st_dev, found.st_ino)
            if (first := self._links.get(key)) is not None:
                self._put(th.header(th.HARD_LINK, name, link=first, **common))
                return
            self._links[key] = name
        if kind == stat.S_IFREG:
            self._file(path, name, common)
        elif kind == stat.S_IFLNK:
            self._put(th.header(th.SYMLINK, name, link=os.readlink(path), xattrs=_attributes(path), **common))
        elif kind in _KINDS:
            device = (os.major(found.st_rdev), os.minor(found.st_rdev)) if kind != stat.S_IFIFO else (0, 0)
            self._put(th.header(_KINDS[kind], name, device=device, **common))

    def _file(self, path: bytes, name: bytes, common: dict[str, Any]) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            size = os.fstat(descriptor).st_size
            self._put(th.header(th.REGULAR, name, size=size, xattrs=_attributes(descriptor), **common))
            left = size
            while left:
                data = os.read(descriptor, min(left, _COPY))
                if not data:  # it has become shorter: the archive keeps its word
                    data = bytes(min(left, _COPY))
                left -= len(data)
                self._put(data)
            self._put(th.padding(size))
        finally:
            os.close(descriptor)


def _join(folder: bytes, name: bytes) -> bytes:
    if not folder:
        return name
    return folder + name if folder.endswith(b"/") else folder + b"/" + name


def _attributes(path: bytes | int) -> dict[str, bytes] | None:
    """Extended attributes worth keeping, or None."""
    try:
        names = os.listxattr(path) if isinstance(path, int) else os.listxattr(path, follow_symlinks=False)
    except OSError:
        return None
    found = {}
    for name in names:
        if not name.startswith(_SKIPPED_XATTRS):
            try:
                found[name] = (
                    os.getxattr(path, name) if isinstance(path, int) else os.getxattr(path, name, follow_symlinks=False)
                )
            except OSError:
                continue
    return found or None


def is_opaque(path: bytes) -> bool:
    """Whether a directory of an upper layer hides what is below it."""
    try:
        return os.getxattr(path, _OPAQUE, follow_symlinks=False) == b"y"
    except OSError:
        return False


def only_mounted_upon(path: bytes, found: os.stat_result, names: list[bytes]) -> bool:
    """Whether a directory of an upper layer is there only because a runtime needed something to mount upon."""
    relative = path.lstrip(b"/")
    if relative not in MOUNT_DIRECTORIES or found.st_uid or stat.S_IMODE(found.st_mode) not in (0o755, 0o555, 0o1777):
        return False
    for name in names:
        inner = path + b"/" + name
        try:
            below = os.lstat(inner)
        except FileNotFoundError:
            continue
        if stat.S_ISDIR(below.st_mode):
            if not only_mounted_upon(inner, below, os.listdir(inner)):
                return False
        elif inner.lstrip(b"/") not in MOUNT_FILES or not stat.S_ISREG(below.st_mode) or below.st_size:
            return False
    return True
