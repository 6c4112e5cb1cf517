"""Export: the root file system of a container as one tar, without its mounts; and what it changed over its image."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from restd.container.announce import Announcer
from restd.container.registry import Entry
from restd.container.trees import Trees
from restd.image import tree as trees
from restd.image.store import ImageStore
from restd.image.tree import Tree


async def export(entry: Entry, rooms: Trees, announcer: Announcer) -> AsyncIterator[bytes]:
    """The tar, in pieces. Close the iterator when done with it."""
    async with contextlib.AsyncExitStack() as stack:
        tree = await stack.enter_async_context(rooms.root(entry))
        pieces = await trees.export(tree)
        held = stack.pop_all()
    announcer(entry.container, "export")
    return _held(held, pieces)


async def _held(stack: contextlib.AsyncExitStack, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async with stack, contextlib.aclosing(pieces) as held:  # type: ignore[type-var]
        async for piece in held:
            yield piece


async def changed(entry: Entry, images: ImageStore) -> list[tuple[str, int]]:
    """What the container changed: (path, 0 changed, 1 added, 2 deleted), sorted by path."""
    container = entry.container
    if not images.overlay.has(container.id):
        return []
    return sorted(await trees.changes(Tree(images.overlay.upper(container.id)), images.overlay.lowers(container.id)))
