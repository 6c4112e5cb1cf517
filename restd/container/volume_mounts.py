"""The volumes of containers: found or made with them, filled from their images, there while they run, gone with them.

Which container has which volume is known from the containers alone. What happens on the way:

    create   volumes are claimed, anonymous ones belong to the container until it is on disk; then nobody owns them
    start    what a volume's options name is mounted for its first user; a part of one is mounted apart
    end      given back; unmounted with the last user
    removal  with `v` the anonymous ones are marked as the container's, and go when it is gone

So after a crash at any point an anonymous volume is either its container's or taken away.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import replace

from restd.config import Config as EngineConfig
from restd.container.registry import Registry
from restd.errors import InvalidParameter, NotFound, SystemFailure
from restd.image.store import ImageStore
from restd.lib import mounts
from restd.lib.inside import open_inside
from restd.model.container import Container
from restd.model.volume import MountPoint
from restd.oci.mount_points import Wanted, declared, inherited, parse_volumes_from, wanted
from restd.volume.volumes import Volumes


class VolumeMounts:
    """What the container room asks of the volumes."""

    def __init__(self, config: EngineConfig, registry: Registry, volumes: Volumes, images: ImageStore) -> None:
        # Not in the containers' own folders: these are deleted, and nobody may delete through a mount.
        self._parts = os.path.join(config.state, "parts")
        self._registry = registry
        self._volumes = volumes
        self._images = images

    def users(self, name: str) -> Sequence[str]:
        """The ids of the containers that have a volume."""
        return [
            entry.container.id
            for entry in self._registry
            if any(point.name == name for point in entry.container.mounts)
        ]

    def references(self) -> dict[str, list[str]]:
        """The same of all volumes at once."""
        found: dict[str, list[str]] = {}
        for entry in self._registry:
            for name in _names(entry.container.mounts):
                found.setdefault(name, []).append(entry.container.id)
        return found

    # -- create --------------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def of_new(self, container: Container) -> AsyncIterator[Container]:
        """The container with its mount points; inside, it is put on disk and made known.

        A create that fails takes its anonymous volumes back; named ones stay, as in Docker.
        """
        points: dict[str, MountPoint] = {}
        try:
            await self._resolve(container, points)
            yield replace(container, mounts=tuple(points.values()))
        except BaseException:
            self._volumes.unclaim(_names(points.values()), container.id)
            await self._volumes.remove_owned(_anonymous(points.values()), container.id, self.users)
            raise
        self._volumes.unclaim(_names(points.values()), container.id)
        await self._volumes.disown(_anonymous(points.values()), container.id)

    async def _resolve(self, container: Container, points: dict[str, MountPoint]) -> None:
        """Docker's order: volumes of others, binds, mounts, what the image and `Volumes` declare; later ones win."""
        host_config = container.host_config
        asked = wanted(host_config)
        for text in host_config.volumes_from or ():
            for point in self._of_other(text):
                if point.name:
                    self._volumes.claim(point.name, container.id)
                points[point.target] = point
        for one in asked:
            points[one.point.target] = one.point
            points[one.point.target] = await self._made(one, container.id)
        taken = (*points, *(host_config.tmpfs or {}))
        for point in declared(container.config.volumes or {}, taken):
            points[point.target] = await self._made(Wanted(point, driver=host_config.volume_driver), container.id)

    def _of_other(self, text: str) -> list[MountPoint]:
        reference, mode = parse_volumes_from(text)
        try:
            other = self._registry.find(reference).container
        except NotFound as error:
            raise InvalidParameter(str(error)) from error
        return list(inherited(other.mounts, mode))

    async def _made(self, asked: Wanted, container_id: str) -> MountPoint:
        """A mount point with its volume, if it is one."""
        point, options = asked.point, asked.volume
        if point.type != "volume":
            return point
        driver_options = options.driver_config.options if options.driver_config else None
        volume = await self._volumes.create(
            point.name, asked.driver, driver_options, options.labels, owner=container_id
        )
        return replace(point, name=volume.name, source=volume.mountpoint)

    async def fill(self, container: Container) -> None:
        """Copy what the image has at the mount points of empty volumes. The container's layer is there by now."""
        points = [point for point in container.mounts if point.type == "volume" and point.copy and not point.subpath]
        if not points:
            return
        overlay = self._images.overlay
        # The layer is empty and of no use to anybody yet: nothing is worth flushing.
        rootfs = await overlay.mount(container.id, volatile=True)
        try:
            for point in points:
                folder = _folder_inside(rootfs, point)
                if folder >= 0:
                    try:
                        await self._volumes.fill(point.name, folder)
                    finally:
                        os.close(folder)
        finally:
            await overlay.unmount(container.id)

    # -- runs ----------------------------------------------------------------------------------------------------------

    async def take(self, container: Container) -> tuple[MountPoint, ...]:
        """The mount points for a run, with the sources where they are now. What fails is given back by `release`."""
        result = []
        for number, point in enumerate(container.mounts):
            if point.type == "volume":
                source = await self._volumes.take(point.name, container.id, point.target, read_only=point.read_only)
                if point.subpath:
                    source = _mount_part(source, point.subpath, f"{self._parts}/{container.id}-{number}")
                point = replace(point, source=source)
            result.append(point)
        return tuple(result)

    async def release(self, container: Container) -> None:
        """A run is over. Does nothing for what was not taken; SystemFailure or OSError if something is busy."""
        for number, point in enumerate(container.mounts):
            if point.type == "volume":
                if point.subpath:
                    _unmount_part(f"{self._parts}/{container.id}-{number}")
                await self._volumes.release(point.name, container.id)

    async def restored(self, container_ids: Collection[str]) -> None:
        """All containers are known, and which of them run: take away what a crash has left.

        `container_ids`: all that there are on disk, also those that can't be read.
        """
        running = [entry.container for entry in self._registry if entry.container.state.alive]
        for container in running:
            for name in _names(container.mounts):
                self._volumes.hold(name, container.id)
        used = {container.id for container in running}
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(self._parts):
                if name.partition("-")[0] not in used:
                    _unmount_part(f"{self._parts}/{name}")
        await self._volumes.settle(container_ids, self.users)

    @contextlib.asynccontextmanager
    async def borrowed(self, container: Container) -> AsyncIterator[list[tuple[str, str]]]:
        """(source, target) of binds and volumes of a container that does not run, mounted meanwhile."""
        async with contextlib.AsyncExitStack() as stack:
            pairs = []
            for point in container.mounts:
                source = point.source
                if point.type == "volume":
                    source = await stack.enter_async_context(self._volumes.borrowed(point.name))
                    if point.subpath:
                        folder = _part_of(source, point.subpath)
                        stack.callback(os.close, folder)
                        source = f"/proc/{os.getpid()}/fd/{folder}"
                if point.type != "tmpfs":
                    pairs.append((source, point.target))
            yield pairs

    # -- removal -------------------------------------------------------------------------------------------------------

    async def doom(self, container: Container) -> None:
        """Its anonymous volumes go with it, also if the daemon ends before they do."""
        await self._volumes.doom(_anonymous(container.mounts), container.id)

    def doomed(self, container: Container) -> bool:
        """Whether a removal that was cut off was to take its anonymous volumes too."""
        return any(self._volumes.owned(name, container.id) for name in _anonymous(container.mounts))

    async def remove_with(self, container: Container) -> None:
        """It is gone: so are those of its anonymous volumes that nobody else has."""
        await self._volumes.remove_owned(_anonymous(container.mounts), container.id, self.users)


def _names(points: Iterable[MountPoint]) -> list[str]:
    return list(dict.fromkeys(point.name for point in points if point.name))


def _anonymous(points: Iterable[MountPoint]) -> list[str]:
    return list(dict.fromkeys(point.name for point in points if point.name and not point.named))


def _folder_inside(rootfs: str, point: MountPoint) -> int:
    """A descriptor of the image's folder at a mount point, -1 if it has nothing there.

    InvalidParameter, in Docker's words, for a file.
    """
    try:
        return open_inside(rootfs, point.target, os.O_RDONLY | os.O_DIRECTORY)
    except NotADirectoryError:
        if point.mode:
            raise InvalidParameter(f"source {point.target} is not directory") from None
        raise InvalidParameter(f"cannot mount volume over existing file, file exists {point.target}") from None
    except FileNotFoundError:
        return -1
    except OSError as error:
        raise SystemFailure(f"cannot look at {point.target} in the image: {error}") from error


def _part_of(source: str, subpath: str) -> int:
    """A descriptor of a part of a volume; links lead nowhere else. NotFound, in Docker's words, if it isn't there."""
    try:
        return open_inside(source, subpath, os.O_PATH)
    except FileNotFoundError as error:
        raise NotFound(f"cannot access path {source}/{subpath}: no such file or directory") from error
    except OSError as error:
        raise SystemFailure(f"cannot access path {source}/{subpath}: {error.strerror}") from error


def _mount_part(source: str, subpath: str, place: str) -> str:
    """Mount a part of a volume at `place`: what the container does to the volume later leads it nowhere else."""
    _unmount_part(place)
    descriptor = _part_of(source, subpath)
    try:
        os.makedirs(os.path.dirname(place), 0o700, exist_ok=True)
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            os.mkdir(place, 0o700)
        else:
            os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        mounts.bind(f"/proc/self/fd/{descriptor}", place, recursive=True)
    except OSError as error:
        raise SystemFailure(f"cannot mount {subpath} of the volume: {error}") from error
    finally:
        os.close(descriptor)
    return place


def _unmount_part(place: str) -> None:
    try:
        while True:
            mounts.unmount(place, detach=True)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOENT):
            raise
    with contextlib.suppress(OSError):
        os.rmdir(place)
    with contextlib.suppress(OSError):
        os.unlink(place)
