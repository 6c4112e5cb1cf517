"""The process that reads and writes inside a file tree: chrooted into it, so that no name or link leads elsewhere.

Run as `python -I -S -E tree_child.py REQUEST`, REQUEST one JSON object: `verb`, `root` (a folder, or `/proc/PID/root`,
a running container's own view), `mounts` ([source, destination] pairs to see in it, for a container that does not run)
and what the verb needs. It answers with one JSON line on stdout, `{"error": KIND, "text": …}` or the verb's own, then
for `get`, `pack` and `export` with a tar. KIND: missing, not-directory, invalid, conflict, read-only, system.

    stat     path -> what is there, in the form of Docker's archive API
    get      path -> a tar of it, the names in it beginning with `base`
    put      path, stdin a tar -> unpacked there; `keep_kind`, `owner`, `mode`, `make`
    digests  what is in a build's context: {path: text that changes with it}
    export   a tar of everything
    pack     an overlayfs upper directory as a layer: whiteouts in the form of OCI's layer.md
    changes  an overlayfs upper directory over `lowers` -> what differs

Standard library and the tar modules only.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from restd.image.tar import DIRECTORY, Blocks, Entry, InvalidArchive, TarReader
from restd.image.tree_packer import MOUNT_DIRECTORIES, MOUNT_FILES, Packer, is_opaque, only_mounted_upon
from restd.image.unpack_child import Unpacker, inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_COPY = 1 << 20
# Go's os.FileMode, which Docker's archive API gives.
_GO_MODE = {
    stat.S_IFDIR: 1 << 31, stat.S_IFLNK: 1 << 27, stat.S_IFBLK: 1 << 26, stat.S_IFCHR: 1 << 26 | 1 << 21,
    stat.S_IFIFO: 1 << 25, stat.S_IFSOCK: 1 << 24, stat.S_IFREG: 0,
}  # fmt: skip
_GO_BITS = {stat.S_ISUID: 1 << 23, stat.S_ISGID: 1 << 22, stat.S_ISVTX: 1 << 20}
_MOST_ENTRIES = 50_000_000
_MOST_BYTES = 1 << 62


class Refused(Exception):
    """The request can't be carried out: (kind, text)."""


def go_mode(mode: int) -> int:
    """st_mode as Go's os.FileMode has it."""
    value = stat.S_IMODE(mode) & 0o777 | _GO_MODE.get(stat.S_IFMT(mode), 1 << 19)
    for bit, go in _GO_BITS.items():
        if mode & bit:
            value |= go
    return value


def enter(root: str, mounts: list[list[str]]) -> None:
    """Make `root` ours. Mounts are taken by descriptor before, and put where their destination is inside of it."""
    if not mounts:
        os.chroot(root)
        os.chdir("/")
        return
    from restd.lib.mount_api import clone_mount, move_mount, private_mounts

    private_mounts()
    clones = [(clone_mount(source), destination) for source, destination in mounts]
    os.chroot(root)
    os.chdir("/")
    for descriptor, destination in clones:
        _make_target(destination, stat.S_ISDIR(os.fstat(descriptor).st_mode))
        move_mount(descriptor, destination)
        os.close(descriptor)


def _make_target(path: str, folder: bool) -> None:
    """Have something to mount upon, as a runtime would make it at the start: its image need not have it."""
    resolved = os.path.realpath(path)
    if folder:
        os.makedirs(resolved, 0o755, exist_ok=True)
    elif not os.path.exists(resolved):
        os.makedirs(os.path.dirname(resolved), 0o755, exist_ok=True)
        os.close(os.open(resolved, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644))


def resolve_parent(path: str) -> str:
    """`path` with all links but that of its last component followed, inside the root we are in."""
    clean = os.path.normpath("/" + path.lstrip("/"))
    if clean == "/":
        return "/"
    if path.endswith(("/", "/.")):
        return os.path.realpath(clean)
    parent, base = os.path.split(clean)
    return os.path.join(os.path.realpath(parent), base)


def describe(path: str, asked: str) -> dict[str, Any]:
    """`X-Docker-Container-Path-Stat`."""
    found = os.lstat(path)
    target = ""
    if stat.S_ISLNK(found.st_mode):
        target = os.readlink(path)
        # Docker gives the target as a path in the container, cleaned.
        target = os.path.normpath(os.path.join(os.path.dirname(path), target))
    name = os.path.basename(asked.rstrip("/")) if asked.strip("/") else "/"
    return {
        "name": name or "/",
        "size": found.st_size,
        "mode": go_mode(found.st_mode),
        "mtime": found.st_mtime_ns,
        "linkTarget": target,
        "directory": stat.S_ISDIR(found.st_mode),
    }


class Extractor(Unpacker):
    """Unpacks into the current directory over what is there, as `docker cp` does.

    `keep_kind`: a folder never takes the place of a file, nor a file that of a folder. `owner`: (uid, gid) for
    everything, or None for what the archive says; `mode` likewise.
    """

    def __init__(
        self, reader: TarReader, owner: tuple[int, int] | None, *, keep_kind: bool, mode: int | None = None
    ) -> None:
        super().__init__(reader, _MOST_BYTES, _MOST_ENTRIES)
        self._owner, self._keep_kind, self._mode = owner, keep_kind, mode

    def _one(self, entry: Entry) -> None:
        if self._owner is not None:
            entry.uid, entry.gid = self._owner
        if self._mode is not None:
            entry.mode = self._mode
        name = inside(entry.name)
        if not name:
            return  # the folder itself stays as it is
        if self._keep_kind:
            self._check_kind(name, entry)
        apply = self._apply.get(entry.kind)
        if apply is None:
            raise InvalidArchive(f"unsupported entry type {entry.kind!r} for {entry.name!r}")
        try:
            apply(name, entry)
        except (FileExistsError, FileNotFoundError, NotADirectoryError):
            self._make_parents(name)
            self._clear(name, entry)
            apply(name, entry)

    @staticmethod
    def _check_kind(name: bytes, entry: Entry) -> None:
        try:
            present = os.lstat(name)
        except OSError:
            return
        shown = name.decode(errors="replace")
        if stat.S_ISDIR(present.st_mode) and entry.kind != DIRECTORY:
            raise Refused("conflict", f'cannot overwrite directory "{shown}" with non-directory')
        if not stat.S_ISDIR(present.st_mode) and entry.kind == DIRECTORY:
            raise Refused("conflict", f'cannot overwrite non-directory "{shown}" with directory')


def put(request: dict[str, Any]) -> dict[str, Any]:
    """Unpack stdin at `path`, a directory once its links are followed; with `make` it is made if it isn't there."""
    path = request.get("path", "/")
    owner = tuple(request["owner"]) if request.get("owner") else None
    if request.get("make"):
        _make_directories(path, owner or (0, 0))
    os.chdir(resolve_directory(path))
    reader = TarReader(Blocks(lambda count: os.read(0, count)))
    keep_kind = bool(request.get("keep_kind"))
    extractor = Extractor(reader, owner, keep_kind=keep_kind, mode=request.get("mode"))
    extractor.run()
    while os.read(0, _COPY):
        pass
    return {"entries": extractor.entries}


def _make_directories(path: str, owner: tuple[int, int]) -> None:
    """`mkdir -p` inside the root we are in, links followed; what is made belongs to `owner`."""
    here = "/"
    for part in os.path.normpath("/" + path.lstrip("/")).split("/")[1:]:
        if not part:
            continue
        here = os.path.realpath(os.path.join(here, part))
        try:
            os.mkdir(here, 0o755)
            os.chown(here, *owner)
        except FileExistsError:
            continue


def digests(folder: bytes = b"") -> Iterator[tuple[str, str]]:
    """(path, text) for all that is in our root; the text says kind, mode and content, so it changes with them."""
    for name in sorted(os.listdir(b"/" + folder)):
        relative = folder + b"/" + name if folder else name
        path = b"/" + relative
        found = os.lstat(path)
        kind = stat.S_IFMT(found.st_mode)
        text = f"{kind:o} {stat.S_IMODE(found.st_mode):o}"
        if kind == stat.S_IFREG:
            text += f" {_file_digest(path)}"
        elif kind == stat.S_IFLNK:
            text += " " + os.fsdecode(os.readlink(path))
        elif kind != stat.S_IFDIR:
            text += f" {found.st_rdev}"
        yield os.fsdecode(relative), text
        if kind == stat.S_IFDIR:
            yield from digests(relative)


def _file_digest(path: bytes) -> str:
    import hashlib

    digest = hashlib.sha256()
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        while data := os.read(descriptor, _COPY):
            digest.update(data)
    finally:
        os.close(descriptor)
    return digest.hexdigest()


def resolve_directory(path: str) -> str:
    """`path` with every link followed; Refused if it is no directory."""
    resolved = os.path.realpath(os.path.normpath("/" + path.lstrip("/")))
    if not stat.S_ISDIR(os.stat(resolved).st_mode):
        raise Refused("not-directory", "extraction point is not a directory")
    return resolved


def changes(lowers: list[int]) -> Iterator[tuple[str, int]]:
    """(path, kind) for what an upper directory, our root, changes: 0 changed, 1 added, 2 deleted, as in Docker."""
    yield from _changed(b"", lowers)


def _changed(folder: bytes, lowers: list[int]) -> Iterator[tuple[str, int]]:
    for name in sorted(os.listdir(b"/" + folder)):
        relative = folder + b"/" + name if folder else name
        path = b"/" + relative
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            continue
        shown = os.fsdecode(path)
        below = _lower(relative, lowers)
        if stat.S_ISCHR(found.st_mode) and found.st_rdev == 0:
            if below is not None:
                yield shown, 2
            continue
        if relative in MOUNT_FILES and stat.S_ISREG(found.st_mode) and not found.st_size:
            continue
        if not stat.S_ISDIR(found.st_mode):
            yield shown, 1 if below is None else 0
            continue
        if not is_opaque(path) and below is None and only_mounted_upon(path, found, os.listdir(path)):
            continue
        inner = list(_changed(relative, lowers))
        if below is None:
            yield shown, 1
        elif inner or (relative not in MOUNT_DIRECTORIES and _differs(found, below)):
            yield shown, 0
        yield from inner


def _differs(upper: os.stat_result, lower: os.stat_result) -> bool:
    fields = ("st_mode", "st_uid", "st_gid", "st_mtime_ns")
    return any(getattr(upper, field) != getattr(lower, field) for field in fields)


def _lower(relative: bytes, lowers: list[int]) -> os.stat_result | None:
    """What the layers below, uppermost first, have at a path."""
    parts = relative.split(b"/")
    for lower in lowers:
        for count in range(1, len(parts) + 1):
            try:
                found = os.stat(b"/".join(parts[:count]), dir_fd=lower, follow_symlinks=False)
            except OSError:
                break
            if stat.S_ISCHR(found.st_mode) and found.st_rdev == 0:
                return None
            if count == len(parts):
                return found
            if not stat.S_ISDIR(found.st_mode):
                return None
    return None


def _answer(value: dict[str, Any]) -> None:
    data = json.dumps(value).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


def run(request: dict[str, Any]) -> None:
    """Carry one request out."""
    verb, path = request["verb"], request.get("path", "/")
    if verb == "digests":
        import hashlib  # noqa: F401 - while there are files to import from: `_file_digest` finds it loaded
    lowers = [os.open(lower, os.O_PATH | os.O_DIRECTORY) for lower in request.get("lowers", ())]
    enter(request["root"], request.get("mounts", []))
    if verb == "stat":
        _answer(describe(resolve_parent(path), path))
    elif verb == "get":
        resolved = resolve_parent(path) if not request.get("follow") else os.path.realpath("/" + path.lstrip("/"))
        _answer(describe(resolved, path))
        packer = Packer(1)
        packer.tree(os.fsencode(resolved), os.fsencode(request["base"]))
        packer.end()
    elif verb == "put":
        _answer(put(request))
    elif verb == "digests":
        _answer({"digests": dict(digests())})
    elif verb in ("pack", "export"):
        _answer({})
        packer = Packer(1, layer=verb == "pack")
        packer.tree(b"/", b"")
        packer.end()
    elif verb == "changes":
        _answer({"changes": list(changes(lowers))})


def main(text: str) -> int:
    """Carry out REQUEST; the exit status."""
    os.umask(0)
    try:
        run(json.loads(text))
    except Refused as refusal:
        _answer({"error": refusal.args[0], "text": refusal.args[1]})
    except InvalidArchive as error:
        _answer({"error": "invalid", "text": str(error)})
    except FileNotFoundError as error:
        _answer({"error": "missing", "text": str(error)})
    except NotADirectoryError as error:
        _answer({"error": "not-directory", "text": str(error)})
    except BrokenPipeError:
        return 1
    except OSError as error:
        kind = "read-only" if error.errno == errno.EROFS else "system"
        _answer({"error": kind, "text": str(error)})
    except (OverflowError, ValueError) as error:
        _answer({"error": "invalid", "text": f"invalid tar header: {error}"})
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
