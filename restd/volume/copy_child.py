"""A process of its own that copies a folder of an image into a volume: everything that makes a file what it is.

    python -I -S -E copy_child.py SOURCE TARGET

Owners, modes, times, extended attributes (capabilities and ACLs are among them), symbolic and hard links, devices,
FIFOs; holes stay holes. TARGET exists and is empty. What is read is an image's: no link of it is followed, and nothing
is written outside TARGET, which nobody else uses yet. A process, because it is much work for an interpreter. Exit code
0, or 1 with the reason on stderr. Standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys

_CHUNK = 1 << 30
_UNSUPPORTED = (errno.ENOTSUP, errno.EPERM, errno.EINVAL, errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP)


class Copier:
    """One copy into the folder `root` (a descriptor). Files with several names are linked when they are met again."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._linked: dict[tuple[int, int], str] = {}

    def folder(self, source: int, target: int, path: str) -> None:
        """Copy what is in the folder `source` (a descriptor) into `target`, then what the folder itself is."""
        for name in os.listdir(source):
            self._entry(source, target, name, f"{path}/{name}" if path else name)
        about = os.stat(source)
        os.fchown(target, about.st_uid, about.st_gid)
        _copy_attributes(source, target)
        os.fchmod(target, stat.S_IMODE(about.st_mode))
        os.utime(target, ns=(about.st_atime_ns, about.st_mtime_ns))

    def _entry(self, source: int, target: int, name: str, path: str) -> None:
        about = os.stat(name, dir_fd=source, follow_symlinks=False)
        kind = stat.S_IFMT(about.st_mode)
        key = (about.st_dev, about.st_ino)
        if kind != stat.S_IFDIR and about.st_nlink > 1:
            if (first := self._linked.get(key)) is not None:
                os.link(first, name, src_dir_fd=self._root, dst_dir_fd=target, follow_symlinks=False)
                return
            self._linked[key] = path
        if kind == stat.S_IFDIR:
            os.mkdir(name, 0o700, dir_fd=target)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            below = os.open(name, flags, dir_fd=source)
            try:
                made = os.open(name, flags, dir_fd=target)
                try:
                    self.folder(below, made, path)
                finally:
                    os.close(made)
            finally:
                os.close(below)
        elif kind == stat.S_IFREG:
            _file(source, target, name, about)
        else:
            _other(source, target, name, about)


def _file(source: int, target: int, name: str, about: os.stat_result) -> None:
    reading = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source)
    try:
        writing = os.open(
            name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=target
        )
        try:
            _content(reading, writing, about.st_size)
            os.fchown(writing, about.st_uid, about.st_gid)
            _copy_attributes(reading, writing)
            os.fchmod(writing, stat.S_IMODE(about.st_mode))
            os.utime(writing, ns=(about.st_atime_ns, about.st_mtime_ns))
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _content(reading: int, writing: int, size: int) -> None:
    """The bytes, part by part: a hole is left out."""
    os.ftruncate(writing, size)
    position = 0
    while position < size:
        try:
            start = os.lseek(reading, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                return
            start = position
        try:
            end = os.lseek(reading, start, os.SEEK_HOLE)
        except OSError:
            end = size
        _copy_range(reading, writing, start, end)
        position = end


def _copy_range(reading: int, writing: int, start: int, end: int) -> None:
    os.lseek(writing, start, os.SEEK_SET)
    position = start
    while position < end:
        try:
            done = os.copy_file_range(reading, writing, min(end - position, _CHUNK), position)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            done = os.sendfile(writing, reading, position, min(end - position, _CHUNK))
        if done == 0:  # it has become shorter
            return
        position += done


def _other(source: int, target: int, name: str, about: os.stat_result) -> None:
    """A link, a device, a FIFO or a socket."""
    if stat.S_ISLNK(about.st_mode):
        os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
    else:
        os.mknod(name, about.st_mode, about.st_rdev, dir_fd=target)
    os.chown(name, about.st_uid, about.st_gid, dir_fd=target, follow_symlinks=False)
    if not stat.S_ISLNK(about.st_mode):
        os.chmod(name, stat.S_IMODE(about.st_mode), dir_fd=target)
    os.utime(name, ns=(about.st_atime_ns, about.st_mtime_ns), dir_fd=target, follow_symlinks=False)


def _copy_attributes(source: int, target: int) -> None:
    """Extended attributes; those that the target's file system does not take are left out, as in Docker."""
    try:
        names = os.listxattr(source)
    except OSError:
        return
    for name in names:
        if name.startswith("trusted.overlay."):
            continue
        with contextlib.suppress(OSError):
            os.setxattr(target, name, os.getxattr(source, name))


def main(arguments: list[str]) -> int:
    """Copy; say what went wrong."""
    try:
        os.umask(0)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        source, target = os.open(arguments[0], flags), os.open(arguments[1], flags)
        Copier(target).folder(source, target, "")
    except OSError as error:
        sys.stderr.write(f"{error.strerror}: {error.filename}\n" if error.filename else f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
