"""Writes what COPY, ADD and WORKDIR ask for into the layer of a step, by children that are chrooted into it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tarfile
from collections.abc import AsyncIterator, Sequence

from restd.errors import EngineError, InvalidParameter, NotFound
from restd.image.build.context import Context
from restd.image.build.copying import Copy, owner_ids, placed
from restd.image.build.dockerfile import Instruction
from restd.image.compression import Decoder, decompressed, recognise
from restd.image.store import ImageStore
from restd.image.tree import Tree, get, put, stat_path
from restd.lib.files import read_pieces
from restd.lib.ids import new_id
from restd.lib.inside import read_inside
from restd.model.image import Image
from restd.oci import users

_EMPTY_TAR = bytes(1024)
_HEAD = 1 << 16


@contextlib.asynccontextmanager
async def layer_of(images: ImageStore, image: Image | None) -> AsyncIterator[tuple[str, str]]:
    """A writable layer for the time of the context: its mount point, and the folder that has what was written."""
    overlay, name = images.overlay, new_id()
    overlay.create_container_layer(name, image.id if image is not None else "")
    try:
        root = await overlay.mount(name, volatile=True)
        yield root, overlay.upper(name)
    finally:
        await asyncio.shield(overlay.remove(name))


async def is_folder(tree: Tree, path: str) -> bool:
    """Whether there is a folder at a path, once its links are followed."""
    try:
        return (await stat_path(tree, path.rstrip("/") + "/")).directory
    except (NotFound, EngineError):
        return False


async def make_folder(tree: Tree, path: str) -> None:
    """`mkdir -p`, for root."""

    async def nothing() -> AsyncIterator[bytes]:
        yield _EMPTY_TAR

    await put(tree, path, nothing(), make=True)


async def place(one: Instruction, copy: Copy, tree: Tree, sources: Sequence[str], root: str, context: Context) -> None:
    """Put the sources, which are in `tree`, into the root file system `root`. InvalidParameter for what isn't there."""
    target = Tree(root)

    def named(owner: str) -> tuple[int, int]:
        passwd, group = read_inside(root, "/etc/passwd"), read_inside(root, "/etc/group")
        identity = users.resolve(owner, (), passwd, group)
        return identity.uid, identity.gid

    owner = owner_ids(copy.owner, named)
    folder_there = await is_folder(target, copy.target)
    for source in sources:
        try:
            folder_source = await is_folder(tree, source) or source in (".", "/")
            folder, name = placed(copy, source, is_folder=folder_source, folder_there=folder_there)
            if one.name == "ADD" and not folder_source and (kind := _archive(context, source)) is not None:
                await put(target, copy.target, kind, owner=None, make=True)
                continue
            path = source + "/." if folder_source else source
            _, pieces = await get(tree, "/" + path.lstrip("/"), name, follow=True)
        except NotFound:
            where = f" in {copy.origin}" if copy.origin else " in build context"
            raise InvalidParameter(f"{one.name} failed: stat {source}: file does not exist{where}") from None
        await put(target, folder, pieces, owner=owner, mode=copy.mode, make=True)
    for item in copy.inline:
        folder, name = placed(copy, item.name, is_folder=False, folder_there=folder_there)
        pieces = _one_file(name, item.text.encode("utf-8", "surrogateescape"))
        await put(target, folder, pieces, owner=owner, mode=copy.mode, make=True)


def _archive(context: Context, source: str) -> AsyncIterator[bytes] | None:
    """The file's contents as a plain tar, if it is an archive that ADD unpacks."""
    try:
        descriptor = context.open(source)
    except OSError:
        return None
    with os.fdopen(os.dup(descriptor), "rb") as file:
        head = file.read(512)
    compressed = recognise(head) != "plain"
    os.lseek(descriptor, 0, os.SEEK_SET)
    if not compressed and head[257:262] != b"ustar":
        os.close(descriptor)
        return None
    if compressed and not _holds_tar(descriptor):
        os.close(descriptor)
        return None
    os.lseek(descriptor, 0, os.SEEK_SET)
    return decompressed(read_pieces(descriptor))


async def _one_file(name: str, data: bytes) -> AsyncIterator[bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o644
    yield info.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % 512) + _EMPTY_TAR


def _holds_tar(descriptor: int) -> bool:
    """Whether what a compressed file begins with is a tar header."""
    head = os.read(descriptor, _HEAD)
    try:
        plain = next(iter(Decoder(recognise(head)).feed(head)), b"")
    except InvalidParameter:
        return False
    return plain[257:262] == b"ustar"
