"""Tars in and out of local folders, for `cp`: nothing is written outside the folder that was named.

A name that climbs, a name behind a link that the archive itself made, and anything but files, folders and links is
refused. Standard library's `tarfile` has a filter for that only since Python 3.11.4.
"""

from __future__ import annotations

import os
import tarfile

from client.errors import ClientError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO


def unpack(stream: IO[bytes], target: str, top: str | None, *, owners: bool) -> None:
    """Unpack a tar under `target`. The first component of each name becomes `top`; None leaves names as they are.

    `owners`: user and group of the archive, which needs root.
    """
    folders: list[tuple[str, tarfile.TarInfo]] = []
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            name = _name(member.name, top)
            path = os.path.join(target, name) if name else target
            _check_parents(target, name)
            _write(archive, member, path, target, top)
            if owners and not member.islnk():
                os.lchown(path, member.uid, member.gid)
            if member.isdir():
                folders.append((path, member))
            elif member.isreg():
                os.chmod(path, member.mode & 0o7777)
                os.utime(path, (member.mtime, member.mtime))
    for path, member in reversed(folders):
        if path != target or top:
            os.chmod(path, member.mode & 0o7777)
            os.utime(path, (member.mtime, member.mtime))


def _name(name: str, top: str | None) -> str:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or name.startswith("/"):
        raise ClientError(f"the archive has a name that leads out of its folder: {name!r}")
    if top is not None and parts:
        parts[0] = top
    return "/".join(part for part in parts if part)


def _check_parents(target: str, name: str) -> None:
    here = target
    for part in name.split("/")[:-1]:
        here = os.path.join(here, part)
        if os.path.islink(here):
            raise ClientError(f"the archive has a name behind a link: {name!r}")


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: str, target: str, top: str | None) -> None:
    if member.isdir():
        os.makedirs(path, exist_ok=True)
        return
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    if os.path.lexists(path):
        if os.path.isdir(path) and not os.path.islink(path):
            raise ClientError(f'cannot overwrite directory "{path}" with non-directory')
        os.unlink(path)
    if member.issym():
        os.symlink(member.linkname, path)
    elif member.islnk():
        name = _name(member.linkname, top)
        _check_parents(target, name)
        os.link(os.path.join(target, name), path, follow_symlinks=False)
    elif member.isreg():
        source = archive.extractfile(member)
        assert source is not None
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            while data := source.read(1 << 20):
                file.write(data)
    elif member.isfifo():
        os.mkfifo(path, member.mode & 0o7777)
    else:
        raise ClientError(f"{member.name}: devices are not copied")


def pack(source: str, name: str, descriptor: int, *, owners: bool) -> None:
    """Write what is at `source` as a tar to a descriptor, which is closed; the first component is `name`."""

    def root(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if not owners:
            member.uid = member.gid = 0
            member.uname = member.gname = ""
        return member if not member.isdev() or member.isfifo() else None

    with (
        os.fdopen(descriptor, "wb") as file,
        tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        archive.add(source, arcname=name, filter=root)
