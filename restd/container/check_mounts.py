"""Whether the binds, volumes and mounts of a container can be made. Texts are Docker's.

A bind source of `Binds` that doesn't exist is made at start; one of `Mounts` must exist, unless it asks to be made.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable

from restd.errors import InvalidParameter, NotImplementedYet, SystemFailure
from restd.model.container import HostConfig, Mount, VolumeOptions
from restd.model.volume import MountPoint
from restd.oci.mount_points import parse_volumes_from, wanted
from restd.volume.options import check_driver, check_name, check_options, check_subpath

_PROPAGATIONS = ("", "private", "rprivate", "shared", "rshared", "slave", "rslave")
_TYPES = ("bind", "tmpfs", "volume")


def check_mounts(host_config: HostConfig) -> None:
    """InvalidParameter for the first mount that can't be made, and for two on one point."""
    for mount in host_config.mounts or ():
        _check(mount)
    for text in host_config.volumes_from or ():
        parse_volumes_from(text)
    for one in wanted(host_config):
        if one.point.type == "volume":
            check_driver(one.point.name, one.driver)
            if one.point.name:
                check_name(one.point.name)
            if one.volume.driver_config is not None:
                check_options(one.point.name, one.volume.driver_config.options or {})


def _check(mount: Mount) -> None:
    def wrong(reason: str) -> InvalidParameter:
        return InvalidParameter(f'invalid mount config for type "{mount.type}": {reason}')

    if mount.type not in _TYPES:
        raise wrong("mount type unknown")
    if not mount.target:
        raise wrong("field Target must not be empty")
    if "\0" in mount.target + mount.source:
        raise wrong("a path can't contain a null byte")
    if not mount.target.startswith("/"):
        raise wrong(f"invalid mount path: '{mount.target}' mount path must be absolute")
    if posixpath.normpath(mount.target).strip("/") == "":
        raise wrong("invalid specification: destination can't be '/'")
    for field, value, owner in (
        ("BindOptions", mount.bind_options, "bind"),
        ("TmpfsOptions", mount.tmpfs_options, "tmpfs"),
        ("VolumeOptions", mount.volume_options, "volume"),
        ("ImageOptions", mount.image_options, "image"),
    ):
        if value is not None and owner != mount.type:
            raise wrong(f"field {field} must not be specified")
    reason = _PROBLEMS[mount.type](mount)
    if reason:
        raise wrong(reason)


def _bind_problem(mount: Mount) -> str:
    if not mount.source:
        return "field Source must not be empty"
    if not mount.source.startswith("/"):
        return f"invalid mount path: '{mount.source}' mount path must be absolute"
    options = mount.bind_options
    if options is not None:
        if options.propagation not in _PROPAGATIONS:
            return f"invalid propagation mode: {options.propagation}"
        if options.read_only_force_recursive:
            raise NotImplementedYet("HostConfig.Mounts.BindOptions.ReadOnlyForceRecursive is not supported yet")
        if options.create_mountpoint:
            return ""
    if not os.path.exists(mount.source):
        return f"bind source path does not exist: {mount.source}"
    return ""


def _tmpfs_problem(mount: Mount) -> str:
    options = mount.tmpfs_options
    if mount.source:
        return "field Source must not be specified"
    if options is not None and (options.size_bytes < 0 or not 0 <= options.mode <= 0o7777):
        return "SizeBytes must not be negative and Mode must be permission bits"
    return ""


def _volume_problem(mount: Mount) -> str:
    options = mount.volume_options or VolumeOptions()
    if not mount.source:
        if mount.read_only:
            return "must not set ReadOnly mode when using anonymous volumes"
        if options.subpath:
            return "must not set Subpath when using anonymous volumes"
    return check_subpath(options.subpath)


_PROBLEMS = {"bind": _bind_problem, "tmpfs": _tmpfs_problem, "volume": _volume_problem}


def make_sources(points: Iterable[MountPoint]) -> None:
    """Make the missing sources of binds that are to be made: folders of root, mode 755, as Docker does.

    Another that vanished since the create is InvalidParameter again.
    """
    for point in points:
        if point.type != "bind":
            continue
        if not point.make_source:
            if not os.path.exists(point.source):
                raise InvalidParameter(
                    f'invalid mount config for type "bind": bind source path does not exist: {point.source}'
                )
            continue
        try:
            os.makedirs(point.source, 0o755)
        except FileExistsError:
            continue
        except OSError as error:
            raise SystemFailure(
                f"error while creating mount source path '{point.source}': mkdir: {error.strerror}"
            ) from error
