"""Root file systems of containers: an overlayfs of the image's layers and one writable directory each.

    overlay-containers/ID/diff    what the container wrote
    overlay-containers/ID/work    overlayfs's own
    overlay-containers/ID/merged  the mount point
    overlay-containers/ID/lower   symbolic link IMAGE-ID/TOP-CHAIN-ID: what it stands on. A link is metadata: it is on
                                  disk with the next fsync on the file system, and costs none of its own.

Mount options must fit in one page (mount(2)): layers go by short links, and if the root's path is long, relative to a
descriptor (`/proc/self/fd/N/SHORT`). Source: kernel documentation, filesystems/overlayfs.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from restd.errors import Conflict, InvalidParameter, NotFound, SystemFailure
from restd.image.layers import LayerStore, directory_size
from restd.lib import mounts
from restd.lib.ids import is_id
from restd.model.image import GraphDriver, Image, LayerSizes

DRIVER = "overlay2"
"""The name clients see: the directory layout is overlay2's, and tools look for it."""


@dataclass(frozen=True, slots=True)
class ContainerLayer:
    """A container's writable layer. `chains` are the chain ids under it, lowest first."""

    container_id: str
    image_id: str
    chains: tuple[str, ...]


def mount_options(links: str, shorts: list[str], home: str, extra: str) -> str:
    """The overlay options for lower links `shorts` (topmost first) under `links`, and `diff` and `work` in `home`."""
    lower = ":".join(f"{links}/{short}" for short in shorts)
    return f"lowerdir={lower},upperdir={home}/diff,workdir={home}/work{extra}"


class Overlay:
    """The writable layers of one engine. Used from the event loop.

    `find` gives the image of an id; `released` hears the chain ids of a layer that was removed, to let them go.
    """

    def __init__(
        self,
        root: str,
        trash: str,
        layers: LayerStore,
        find: Callable[[str], Image],
        released: Callable[[Sequence[str]], None],
    ) -> None:
        self._root = os.path.join(root, "overlay-containers")
        self._trash = trash
        self._layers = layers
        self._find, self._released = find, released
        self.layer_uses: Counter[str] = Counter()
        self._containers: dict[str, ContainerLayer] = {}
        self._holds: Counter[str] = Counter()
        self._extra = ""

    def open(self) -> list[str]:
        """Read what is there; returns what could not be read.

        Nothing that a container wrote is deleted: the containers' room knows its image, and `create_container_layer`
        makes its layer whole again.
        """
        os.makedirs(self._root, 0o711, exist_ok=True)
        os.chmod(self._root, 0o711)
        self._extra = "".join(
            f",{name}=off" for name in ("index", "metacopy") if os.path.exists(f"/sys/module/overlay/parameters/{name}")
        )
        problems = []
        for name in os.listdir(self._root):
            try:
                image_id, _, top = os.readlink(os.path.join(self._root, name, "lower")).partition("/")
                self._know(ContainerLayer(name, image_id, self._layers.stack(top)))
            except (OSError, SystemFailure) as error:
                if isinstance(error, FileNotFoundError) and not self._written(name):
                    self._discard(os.path.join(self._root, name))  # it was never finished
                    continue
                problems.append(f"writable layer of container {name}: {error}; a start tries to make it whole")
        return problems

    def _written(self, container_id: str) -> bool:
        try:
            return bool(os.listdir(os.path.join(self._home(container_id), "diff")))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _know(self, layer: ContainerLayer) -> None:
        self._containers[layer.container_id] = layer
        self.layer_uses.update(layer.chains)

    def containers(self) -> list[str]:
        """The ids of all containers that have a writable layer."""
        return list(self._containers)

    def has(self, container_id: str) -> bool:
        """Whether the container has a writable layer."""
        return container_id in self._containers

    def create_container_layer(self, container_id: str, image_id: str) -> ContainerLayer:
        """Make a container's writable layer on the image, an empty id for none; its root has owner and mode of its.

        It holds the image's layers until it is removed. Raises Conflict if it exists, NotFound without the image. One
        that is there and could not be read is made whole: what the container wrote stays.
        """
        if container_id in self._containers:
            raise Conflict(f"container {container_id} already has a writable layer")
        if not is_id(container_id):
            raise InvalidParameter(f"invalid container id {container_id!r}")
        image = self._find(image_id) if image_id else None
        chain = image.chain_id if image is not None else ""
        home = self._home(container_id)
        if os.path.lexists(home):
            self._make_whole(home, image_id, chain)
        else:
            os.mkdir(home, 0o711)
            try:
                self._fill(home, image_id, chain)
            except BaseException:
                shutil.rmtree(home, ignore_errors=True)
                raise
        layer = ContainerLayer(container_id, image_id, self._layers.stack(chain))
        self._know(layer)
        return layer

    def _fill(self, home: str, image_id: str, chain: str) -> None:
        top, diff = os.stat(self._layers.directory(chain)), os.path.join(home, "diff")
        if not os.path.isdir(diff):
            os.mkdir(diff)
            os.chown(diff, top.st_uid, top.st_gid)
            os.chmod(diff, top.st_mode & 0o7777)
        for name, mode in (("work", 0o700), ("merged", 0o755)):
            with contextlib.suppress(FileExistsError):
                os.mkdir(os.path.join(home, name), mode)
        os.symlink(f"{image_id}/{chain}", os.path.join(home, "lower"))

    def _make_whole(self, home: str, image_id: str, chain: str) -> None:
        """What was there instead of the link to the image is kept beside it."""
        lower = os.path.join(home, "lower")
        if os.path.lexists(lower):
            os.rename(lower, f"{lower}.corrupt-{secrets.token_hex(4)}")
        self._fill(home, image_id, chain)

    def _home(self, container_id: str) -> str:
        return os.path.join(self._root, container_id)

    def get(self, container_id: str) -> ContainerLayer:
        """The writable layer; NotFound if there is none."""
        if (layer := self._containers.get(container_id)) is None:
            raise NotFound(f"container {container_id} has no writable layer")
        return layer

    async def mount(self, container_id: str, *, volatile: bool = False) -> str:
        """Mount the container's root file system and return its path; mounted already is fine.

        In a thread: it takes under 1 ms, but overlayfs makes directories, and waits with the disk's journal if need be.
        `volatile` is for a container that goes when it ends: nothing it writes is flushed, so unmounting takes 0.1 ms
        and not the time the disk needs for whatever is dirty. After a crash of the host such a layer mounts no more.
        """
        layer, home = self.get(container_id), self._home(container_id)
        target = os.path.join(home, "merged")
        if mounts.is_mount_point(target):
            return target
        shorts = [self._layers.short(chain) for chain in reversed(layer.chains)] or ["../empty"]
        extra = self._extra + (",volatile" if volatile else "")
        options = mount_options(self._layers.links, shorts, home, extra)
        try:
            with contextlib.suppress(FileExistsError):  # a removal that was cut off has taken it away
                os.mkdir(target, 0o755)
            if len(options) < os.sysconf("SC_PAGE_SIZE") and not {":", ",", "\\"} & set(home):
                await asyncio.to_thread(mounts.mount, "overlay", target, "overlay", 0, options)
            else:
                await asyncio.to_thread(self._mount_by_descriptor, shorts, container_id, target, extra)
        except (OSError, ValueError) as error:
            raise SystemFailure(f"cannot mount the root file system of container {container_id}: {error}") from error
        return target

    def _mount_by_descriptor(self, shorts: list[str], container_id: str, target: str, extra: str) -> None:
        links = os.open(self._layers.links, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            base = f"/proc/self/fd/{links}"
            home = f"{base}/../../overlay-containers/{container_id}"
            mounts.mount("overlay", target, "overlay", 0, mount_options(base, shorts, home, extra))
        finally:
            os.close(links)

    def is_mounted(self, container_id: str) -> bool:
        """Whether the container's root file system is mounted."""
        return mounts.is_mount_point(os.path.join(self._home(container_id), "merged"))

    def hold(self, container_id: str) -> None:
        """Keep the container's root file system mounted, whoever asks for its unmounting meanwhile."""
        self._holds[container_id] += 1

    def let_go(self, container_id: str) -> bool:
        """End one hold; whether it was the last one, after which somebody must unmount what isn't needed."""
        self._holds[container_id] -= 1
        if self._holds[container_id] > 0:
            return False
        del self._holds[container_id]
        return True

    async def unmount(self, container_id: str) -> None:
        """Unmount it; not mounted is fine. A busy one is detached. In a thread: the kernel syncs what was written.

        Held, it stays mounted until it is let go of.
        """
        if self._holds[container_id] > 0:
            return
        target = os.path.join(self._home(container_id), "merged")
        if mounts.is_mount_point(target):
            await asyncio.to_thread(self._unmount, target, container_id)

    @staticmethod
    def _unmount(target: str, container_id: str) -> None:
        try:
            try:
                mounts.unmount(target)
            except OSError:
                mounts.unmount(target, detach=True)
            else:
                _forgive_volatile(os.path.join(os.path.dirname(target), "work"))
        except OSError as error:
            if error.errno != errno.EINVAL:  # EINVAL: somebody else was faster
                message = f"cannot unmount the root file system of container {container_id}: {error}"
                raise SystemFailure(message) from error

    async def remove(self, container_id: str) -> None:
        """Unmount and delete the writable layer; its files go in the background. None there is fine."""
        target = os.path.join(self._home(container_id), "merged")
        if mounts.is_mount_point(target):  # also one that is held: the removal counts more
            await asyncio.to_thread(self._unmount, target, container_id)
        layer = self._containers.get(container_id)
        home = self._home(container_id)
        if layer is None and not os.path.lexists(home):
            return
        try:
            os.rmdir(os.path.join(home, "merged"))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise Conflict(f"the root file system of container {container_id} is still in use: {error}") from error
        self._containers.pop(container_id, None)
        self._discard(home)
        if layer is not None:
            self.layer_uses.subtract(layer.chains)
            self._released(layer.chains)

    def _discard(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.rename(path, os.path.join(self._trash, f"layer-{secrets.token_hex(8)}"))

    async def sizes(self, container_id: str) -> LayerSizes:
        """`SizeRw` and `SizeRootFs`. In a thread: it walks what the container wrote."""
        layer = self.get(container_id)
        written = await asyncio.to_thread(directory_size, os.path.join(self._home(container_id), "diff"))
        below = sum(known.size for chain in layer.chains if (known := self._layers.get(chain)) is not None)
        return LayerSizes(written, written + below)

    def upper(self, container_id: str) -> str:
        """The directory of what the container wrote, in overlayfs form."""
        return os.path.join(self._home(self.get(container_id).container_id), "diff")

    def lowers(self, container_id: str) -> list[str]:
        """The directories below what the container wrote, uppermost first."""
        return [self._layers.directory(chain) for chain in reversed(self.get(container_id).chains)]

    def graph_driver(self, container_id: str) -> GraphDriver:
        """What inspect shows of the container's root file system."""
        layer, home = self.get(container_id), self._home(container_id)
        lower = ":".join(self._layers.directory(chain) for chain in reversed(layer.chains))
        data = {
            "LowerDir": lower,
            "MergedDir": os.path.join(home, "merged"),
            "UpperDir": os.path.join(home, "diff"),
            "WorkDir": os.path.join(home, "work"),
        }
        return GraphDriver(DRIVER, data)


def _forgive_volatile(work: str) -> None:
    """Take away the mark of a volatile mount after a clean unmount, so that the layer can be mounted once more.

    The kernel leaves it to whoever knows that the host has not crashed since (filesystems/overlayfs, "Volatile mount").
    """
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(work, "work", "incompat", "volatile", "dirty"))
        os.rmdir(os.path.join(work, "work", "incompat", "volatile"))
        os.rmdir(os.path.join(work, "work", "incompat"))


def image_graph_driver(layers: LayerStore, image: Image) -> GraphDriver:
    """What inspect shows of an image: its top layer is the upper directory, nothing is mounted."""
    top = layers.directory(image.chain_id)
    home = os.path.dirname(top) if image.layers else top
    data = {
        "MergedDir": os.path.join(home, "merged"),
        "UpperDir": top,
        "WorkDir": os.path.join(home, "work"),
    }
    if len(image.layers) > 1:
        data["LowerDir"] = ":".join(layers.directory(layer.chain_id) for layer in reversed(image.layers[:-1]))
    return GraphDriver(DRIVER, data)
