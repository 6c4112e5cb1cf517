"""Whether the binds and mounts of a container can be made. Texts are Docker's.

A bind source of `Binds` that doesn't exist is made at start; one of `Mounts` must exist, unless it asks to be made.
"""

from __future__ import annotations

import os
import posixpath

from restd.errors import InvalidParameter, NotImplementedYet, SystemFailure
from restd.model.container import HostConfig, Mount
from restd.oci import mounts

_PROPAGATIONS = ("", "private", "rprivate", "shared", "rshared", "slave", "rslave")


def check_mounts(host_config: HostConfig) -> None:
    """InvalidParameter for the first mount that can't be made, and for two on one point."""
    for mount in host_config.mounts or ():
        _check(mount)
    mounts.wanted(host_config)


def _check(mount: Mount) -> None:
    def wrong(reason: str) -> InvalidParameter:
        return InvalidParameter(f'invalid mount config for type "{mount.type}": {reason}')

    if mount.type not in ("bind", "tmpfs"):
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
    reason = _bind_problem(mount) if mount.type == "bind" else _tmpfs_problem(mount)
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


def make_sources(host_config: HostConfig) -> None:
    """Make the missing sources of binds that are to be made: folders of root, mode 755, as Docker does.

    A source of `Mounts` that vanished since the create is InvalidParameter again.
    """
    sources = [mounts.parse_bind(text).source for text in host_config.binds or ()]
    for mount in host_config.mounts or ():
        if mount.type == "bind" and mount.bind_options is not None and mount.bind_options.create_mountpoint:
            sources.append(mount.source)
        elif mount.type == "bind":
            _check(mount)
    for source in sources:
        try:
            os.makedirs(source, 0o755)
        except FileExistsError:
            continue
        except OSError as error:
            raise SystemFailure(
                f"error while creating mount source path '{source}': mkdir: {error.strerror}"
            ) from error
