"""A container's file system as it is now: the view of its processes while it runs, else its root with its mounts.

Of a container that does not run the root is mounted for the time it is used, and nobody is kept waiting for that: a
start finds it mounted, and what an end would unmount stays until it is let go of.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from restd.container.exited import cleaned
from restd.container.registry import Entry
from restd.container.volume_mounts import VolumeMounts
from restd.errors import Conflict, InvalidParameter
from restd.image.store import ImageStore
from restd.image.tree import Tree
from restd.model.container import Container, Status
from restd.oci.mount_points import tmpfs_point


class Trees:
    """Gives out containers' trees."""

    def __init__(self, images: ImageStore, volumes: VolumeMounts) -> None:
        self._images = images
        self._volumes = volumes

    @contextlib.asynccontextmanager
    async def whole(self, entry: Entry) -> AsyncIterator[Tree]:
        """With volumes and binds: what `docker cp` sees."""
        container = entry.container
        if container.state.alive:
            yield Tree(f"/proc/{container.state.pid}/root")
            return
        async with self.root(entry) as tree, self._volumes.borrowed(container) as pairs:
            yield Tree(tree.root, tuple(pairs))

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
                    if not entry.container.state.alive and overlay.has(container.id):
                        await overlay.unmount(container.id)


def check_writable(container: Container, path: str) -> None:
    """InvalidParameter, in Docker's words, if `path` is on something that is mounted read-only."""
    place, read_only = "/", container.host_config.readonly_rootfs
    tmpfs = (tmpfs_point(target, options) for target, options in (container.host_config.tmpfs or {}).items())
    for point in (*container.mounts, *tmpfs):
        if (path + "/").startswith(point.target + "/") and len(point.target) > len(place):
            place, read_only = point.target, point.read_only
    if read_only:
        what = "container rootfs" if place == "/" else "mounted volume"
        raise InvalidParameter(f"{what} is marked read-only")
