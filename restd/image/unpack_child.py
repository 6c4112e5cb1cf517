"""The process that unpacks one layer: chrooted into the target, so that no name or link in it leads elsewhere.

Run as `python -I -S -E unpack_child.py TARGET MOST_BYTES MOST_ENTRIES`, the plain tar on stdin (a file or a pipe).
It answers with one line on stdout: `ok ENTRIES BYTES`, or `invalid REASON` (the layer's fault) or `system REASON` (the
host's), and exit status 1. Standard library and `restd.image.tar` only, and of those as little as may be: an image can
have a hundred small layers, and each waits for these imports.

Whiteouts become overlayfs's own (kernel documentation, filesystems/overlayfs): `.wh.NAME` a character device 0/0,
`.wh..wh..opq` the attribute `trusted.overlay.opaque`. A layer's own entry wins over its own whiteout, whichever comes
first (OCI image spec, layer.md); for a directory that means an opaque one.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from restd.image.tar import (
    BLOCK_DEVICE,
    CHAR,
    DIRECTORY,
    FIFO,
    HARD_LINK,
    REGULAR,
    SYMLINK,
    Blocks,
    Entry,
    InvalidArchive,
    TarReader,
)

_WHITEOUT = b".wh."
_OPAQUE = b".wh..wh..opq"
_OPAQUE_ATTRIBUTE = "trusted.overlay.opaque"
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_SPECIAL = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX
_LAYERS_FAULT = frozenset((errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL, errno.EMLINK, errno.ERANGE, errno.E2BIG))
_IN_KERNEL = 64 * 1024
"""From this size on a file's data is copied inside the kernel, when the archive is a file too."""


def inside(name: bytes) -> bytes:
    """`name` relative to the root and cleaned; InvalidArchive if it climbs out. An empty result is the root itself."""
    if b".." not in name:
        if b"//" not in name and b"/./" not in name and not name.startswith((b"/", b"./")):
            name = name[:-1] if name.endswith(b"/") else name
            if not name.endswith((b"/", b"/.")):
                return name if name != b"." else b""
        return b"/".join([part for part in name.split(b"/") if part and part != b"."])
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part == b"..":
            if not parts:
                raise InvalidArchive(f"path escapes the root of the layer: {name!r}")
            parts.pop()
        elif part and part != b".":
            parts.append(part)
    return b"/".join(parts)


class FileBlocks(Blocks):
    """Blocks of a regular file: large data is copied by the kernel and skipped without reading."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(lambda count: os.read(descriptor, count))
        self._descriptor = descriptor
        self._end = os.fstat(descriptor).st_size

    def copy_to(self, target: int, count: int) -> None:
        """The next `count` bytes into the file `target`."""
        held = min(count, len(self._held) - self._at)
        if held:
            _write(target, memoryview(self._held)[self._at : self._at + held])
            self._at += held
            count -= held
        while count:
            copied = os.sendfile(target, self._descriptor, None, min(count, 1 << 30))
            if not copied:
                raise InvalidArchive("unexpected end of archive")
            count -= copied

    def skip(self, count: int) -> None:
        """Seek instead of reading."""
        held = min(count, len(self._held) - self._at)
        self._at += held
        if count > held and os.lseek(self._descriptor, count - held, os.SEEK_CUR) > self._end:
            raise InvalidArchive("unexpected end of archive")


def _write(target: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]


class Unpacker:
    """Applies entries to the current root directory. The process is already chrooted into the target."""

    def __init__(self, reader: TarReader, most_bytes: int, most_entries: int) -> None:
        self._reader = reader
        self._most_bytes, self._most_entries = most_bytes, most_entries
        self._directories: list[tuple[bytes, int]] = []
        self._parent = os.getppid()
        self.entries = 0
        self.size = 0
        self._apply = {
            REGULAR: self._file,
            DIRECTORY: self._directory,
            SYMLINK: self._symlink,
            HARD_LINK: self._hard_link,
            CHAR: self._node,
            BLOCK_DEVICE: self._node,
            FIFO: self._node,
        }

    def run(self) -> None:
        """Unpack everything. InvalidArchive or OSError leaves the target half done, for the parent to throw away."""
        for entry in self._reader:
            self.entries += 1
            self.size += entry.size
            if self.entries > self._most_entries:
                raise InvalidArchive(f"layer has more than {self._most_entries} entries")
            if self.size > self._most_bytes:
                raise InvalidArchive(f"layer is larger than {self._most_bytes} bytes")
            if os.getppid() != self._parent:
                raise OSError(errno.ECANCELED, "the engine went away")
            self._one(entry)
        for name, mtime in reversed(self._directories):
            try:
                os.utime(name, ns=(mtime, mtime), follow_symlinks=False)
            except (FileNotFoundError, NotADirectoryError):
                continue  # a later entry put something else there

    def _one(self, entry: Entry) -> None:
        name = inside(entry.name)
        base = name[name.rfind(b"/") + 1 :]
        if base.startswith(_WHITEOUT):
            self._whiteout(name, base)
            return
        apply = self._apply.get(entry.kind)
        if apply is None:
            raise InvalidArchive(f"unsupported entry type {entry.kind!r} for {entry.name!r}")
        if not name:
            if entry.kind != DIRECTORY:
                raise InvalidArchive("the root of a layer must be a directory")
            self._own(b".", entry)
            return
        try:
            apply(name, entry)
        except (FileExistsError, FileNotFoundError, NotADirectoryError):
            self._make_parents(name)
            self._clear(name, entry)
            apply(name, entry)

    def _clear(self, name: bytes, entry: Entry) -> None:
        """Remove what stands in the way of a later entry of the same name: the last one counts."""
        try:
            present = os.lstat(name)
        except FileNotFoundError:
            return
        if stat.S_ISDIR(present.st_mode):
            if entry.kind != DIRECTORY:
                _remove_tree(name)
        elif entry.kind != HARD_LINK or inside(entry.link) != name:
            os.unlink(name)
            if entry.kind == DIRECTORY and _is_whiteout(present):
                _make_opaque(name)

    @staticmethod
    def _make_parents(name: bytes) -> None:
        """Make the directories that the archive has no entries for, also where so far only a whiteout stands."""
        parts = name.split(b"/")[:-1]
        for count in range(1, len(parts) + 1):
            parent = b"/".join(parts[:count])
            try:
                os.mkdir(parent, 0o755)
            except FileExistsError:
                if _is_whiteout(os.lstat(parent)):
                    os.unlink(parent)
                    _make_opaque(parent)

    def _whiteout(self, name: bytes, base: bytes) -> None:
        if base == _OPAQUE:
            directory = os.path.dirname(name) or b"."
            self._make_parents(name)
            os.setxattr(directory, _OPAQUE_ATTRIBUTE, b"y", follow_symlinks=False)
            return
        if base.startswith(_WHITEOUT + _WHITEOUT):
            return  # AUFS's own bookkeeping (.wh..wh.plnk, .wh..wh.aufs), which means nothing here
        hidden = base[len(_WHITEOUT) :]
        if hidden in (b"", b".", b".."):
            raise InvalidArchive(f"invalid whiteout {name!r}")
        target = name[: len(name) - len(base)] + hidden
        self._make_parents(target)
        try:
            os.mknod(target, stat.S_IFCHR, 0)
        except FileExistsError:
            if stat.S_ISDIR(os.lstat(target).st_mode):
                os.setxattr(target, _OPAQUE_ATTRIBUTE, b"y", follow_symlinks=False)

    def _own(self, name: bytes, entry: Entry) -> None:
        """Owner, mode, attributes and (at the end of all) time of a directory; chown first, for it clears setuid."""
        os.lchown(name, entry.uid, entry.gid)
        os.chmod(name, entry.mode)
        self._attributes(name, entry)
        self._directories.append((name, entry.mtime))

    @staticmethod
    def _attributes(name: bytes | int, entry: Entry) -> None:
        for key, value in (entry.xattrs or {}).items():
            if key.startswith("trusted.overlay."):
                continue  # overlayfs's own marks are made here, never taken from an archive
            try:
                if isinstance(name, int):
                    os.setxattr(name, key, value)
                else:
                    os.setxattr(name, key, value, follow_symlinks=False)
            except OSError as error:
                if error.errno != errno.ENOTSUP:
                    raise

    def _directory(self, name: bytes, entry: Entry) -> None:
        try:
            os.mkdir(name, 0o755)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(name).st_mode):
                raise
        self._own(name, entry)

    def _file(self, name: bytes, entry: Entry) -> None:
        descriptor = os.open(name, _CREATE, entry.mode & 0o777)
        try:
            if entry.sparse is not None:
                for offset, length in entry.sparse:
                    os.lseek(descriptor, offset, os.SEEK_SET)
                    self._copy(descriptor, length)
                os.ftruncate(descriptor, entry.real_size)
            elif entry.size:
                self._copy(descriptor, entry.size)
            os.fchown(descriptor, entry.uid, entry.gid)
            if entry.mode & _SPECIAL:
                os.fchmod(descriptor, entry.mode)
            if entry.xattrs:
                self._attributes(descriptor, entry)
            os.utime(descriptor, ns=(entry.mtime, entry.mtime))
        finally:
            os.close(descriptor)

    def _copy(self, descriptor: int, count: int) -> None:
        blocks = self._reader.blocks
        if isinstance(blocks, FileBlocks) and count >= _IN_KERNEL:
            blocks.copy_to(descriptor, count)
        else:
            for chunk in blocks.chunks(count):
                _write(descriptor, chunk)
        self._reader.consumed(count)

    def _symlink(self, name: bytes, entry: Entry) -> None:
        if not entry.link:
            raise InvalidArchive(f"empty symbolic link: {name!r}")
        os.symlink(entry.link, name)
        os.lchown(name, entry.uid, entry.gid)
        self._attributes(name, entry)
        os.utime(name, ns=(entry.mtime, entry.mtime), follow_symlinks=False)

    def _hard_link(self, name: bytes, entry: Entry) -> None:
        target = inside(entry.link)
        if target == name:
            return
        if not target or not os.path.lexists(target):
            raise InvalidArchive(f"hard link {entry.name!r} to {entry.link!r}, which is not in the layer")
        os.link(target, name, follow_symlinks=False)

    def _node(self, name: bytes, entry: Entry) -> None:
        kind = {CHAR: stat.S_IFCHR, BLOCK_DEVICE: stat.S_IFBLK, FIFO: stat.S_IFIFO}[entry.kind]
        device = 0 if entry.kind == FIFO else os.makedev(entry.major, entry.minor)
        os.mknod(name, kind | (entry.mode & 0o777), device)
        os.lchown(name, entry.uid, entry.gid)
        os.chmod(name, entry.mode)
        self._attributes(name, entry)
        os.utime(name, ns=(entry.mtime, entry.mtime), follow_symlinks=False)


def _remove_tree(name: bytes) -> None:
    """Remove a directory that this layer made itself."""
    with os.scandir(name) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _remove_tree(entry.path)
            else:
                os.unlink(entry.path)
    os.rmdir(name)


def _make_opaque(name: bytes) -> None:
    """A directory in place of a whiteout: what was hidden below it stays hidden."""
    os.mkdir(name, 0o755)
    os.setxattr(name, _OPAQUE_ATTRIBUTE, b"y")


def _is_whiteout(present: os.stat_result) -> bool:
    return stat.S_ISCHR(present.st_mode) and present.st_rdev == 0


def _unpack(descriptor: int, most_bytes: int, most_entries: int) -> str:
    blocks: Blocks
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        blocks = FileBlocks(descriptor)
    else:
        blocks = Blocks(lambda count: os.read(descriptor, count))
    unpacker = Unpacker(TarReader(blocks), most_bytes, most_entries)
    try:
        unpacker.run()
        if not isinstance(blocks, FileBlocks):
            blocks.drain()
    except InvalidArchive as error:
        return f"invalid {error}"
    except (NotADirectoryError, IsADirectoryError, FileExistsError, FileNotFoundError) as error:
        return f"invalid conflicting entries in layer: {error}"
    except OSError as error:
        return f"{'invalid' if error.errno in _LAYERS_FAULT else 'system'} {error}"
    except (OverflowError, ValueError) as error:
        return f"invalid invalid tar header: {error}"
    return f"ok {unpacker.entries} {unpacker.size}"


def main(target: str, most_bytes: str, most_entries: str) -> int:
    """Enter the target, unpack stdin, answer on stdout; the exit status."""
    os.umask(0)
    os.chroot(target)
    os.chdir("/")
    answer = _unpack(0, int(most_bytes), int(most_entries))
    os.write(1, answer.encode("utf-8", "backslashreplace"))
    return 0 if answer.startswith("ok ") else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
