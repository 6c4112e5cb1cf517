"""Copy: files out of a container and into it, as archives (`docker cp`), whether it runs or not."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

from restd.container.announce import Announcer
from restd.container.registry import Entry
from restd.container.trees import Trees, check_writable
from restd.errors import InvalidParameter, NotFound
from restd.image import tree as trees
from restd.image.compression import decompressed
from restd.image.tree import PathStat, Tree
from restd.lib.inside import read_inside
from restd.oci import users


@dataclass(frozen=True, slots=True)
class Copied:
    """A tar on its way out, and what it is of. Close `chunks` when done with it."""

    stat: PathStat
    chunks: AsyncIterator[bytes]


async def stat_path(entry: Entry, path: str, rooms: Trees) -> PathStat:
    """What is at `path`. NotFound if nothing is."""
    async with rooms.whole(entry) as tree, _named(entry, path):
        return await trees.stat_path(tree, path)


async def copy_from(entry: Entry, path: str, rooms: Trees, announcer: Announcer) -> Copied:
    """A tar of what is at `path`: a folder under its own name, the contents alone if the path ends in `/.`."""
    async with contextlib.AsyncExitStack() as stack:
        tree = await stack.enter_async_context(rooms.whole(entry))
        async with _named(entry, path):
            stat, pieces = await trees.get(tree, path, base_name(path))
        held = stack.pop_all()
    announcer(entry.container, "archive-path")
    return Copied(stat, _held(held, pieces))


async def _held(stack: contextlib.AsyncExitStack, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async with stack:
        try:
            async for piece in pieces:
                yield piece
        finally:
            close = getattr(pieces, "aclose", None)
            if close is not None:
                await close()


def base_name(path: str) -> str:
    """What the names in the archive begin with."""
    if path.endswith("/.") or path == ".":
        return "."
    name = os.path.basename(os.path.normpath("/" + path.lstrip("/")))
    return name or "/"


async def copy_to(
    entry: Entry,
    path: str,
    stream: AsyncIterator[bytes],
    rooms: Trees,
    announcer: Announcer,
    *,
    keep_kind: bool,
    own: bool,
) -> None:
    """Unpack an archive, compressed or not, in the folder `path`.

    `keep_kind`: no folder for a file nor a file for a folder. `own`: everything belongs to the container's user.
    NotFound without the folder; InvalidParameter for what is none, is read-only, or isn't an archive.
    """
    container = entry.container
    check_writable(container, os.path.normpath("/" + path.lstrip("/")))
    async with rooms.whole(entry) as tree, _named(entry, path):
        owner = _owner(container.config.user, tree) if own and container.config.user else None
        await trees.put(tree, path, decompressed(stream), keep_kind=keep_kind, owner=owner)
    announcer(container, "extract-to-dir")


def _owner(user: str, tree: Tree) -> tuple[int, int]:
    identity = users.resolve(user, (), read_inside(tree.root, "/etc/passwd"), read_inside(tree.root, "/etc/group"))
    return identity.uid, identity.gid


@contextlib.asynccontextmanager
async def _named(entry: Entry, path: str) -> AsyncIterator[None]:
    """Errors about the path name the container."""
    if not path:
        raise InvalidParameter("missing required parameter: path")
    try:
        yield
    except NotFound:
        shown = entry.container.name
        raise NotFound(f"Could not find the file {path} in container {shown}") from None
