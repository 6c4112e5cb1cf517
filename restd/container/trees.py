"""A container's file system as it is now: the view of its processes while it runs, else its root with its mounts.

Of a container that does not run the root is mounted for the time it is used, and nobody is kept waiting for that: a
start finds it mounted, and what an end would unmount stays until it is let go of.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from restd.container.exited import cleaned
from restd.container.registry import Entry
from restd.errors import Conflict, InvalidParameter
from restd.image.store import ImageStore
from restd.image.tree import Tree
from restd.model.container import Container, Status
from restd.oci.mounts import Bind, wanted


class Trees:
    """Gives out containers' trees."""

    def __init__(self, images: ImageStore) -> None:
        self._images = images

    @contextlib.asynccontextmanager
    async def whole(self, entry: Entry) -> AsyncIterator[Tree]:
        """With volumes and binds: what `docker cp` sees."""
        container = entry.container
        if container.state.running:
            yield Tree(f"/proc/{container.state.pid}/root")
            return
        async with self.root(entry) as tree:
            binds = [mount for mount in wanted(container.host_config) if isinstance(mount, Bind)]
            yield Tree(tree.root, tuple((bind.source, bind.target) for bind in binds))

    @contextlib.asynccontextmanager
    async def root(self, entry: Entry) -> AsyncIterator[Tree]:
        """The root file system alone: what `docker export` and `docker commit` see."""
        container = entry.container
        if container.state.status in (Status.REMOVING, Status.DEAD):
            raise Conflict(f"container {container.id} is dead or marked for removal")
        overlay = self._images.overlay
        overlay.hold(container.id)
        try:
            await cleaned(entry)  # the end of its last run unmounts
            yield Tree(await overlay.mount(container.id, volatile=container.host_config.auto_remove))
        finally:
            if overlay.let_go(container.id):
                async with entry.lock:
                    if not entry.container.state.running and overlay.has(container.id):
                        await overlay.unmount(container.id)


def check_writable(container: Container, path: str) -> None:
    """InvalidParameter, in Docker's words, if `path` is on something that is mounted read-only."""
    place, read_only = "/", container.host_config.readonly_rootfs
    for mount in wanted(container.host_config):
        if (path + "/").startswith(mount.target + "/") and len(mount.target) > len(place):
            place = mount.target
            read_only = isinstance(mount, Bind) and mount.read_only
    if read_only:
        what = "container rootfs" if place == "/" else "mounted volume"
        raise InvalidParameter(f"{what} is marked read-only")
