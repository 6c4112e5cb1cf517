"""`/dev/shm` of containers whose IPC others may join (`IpcMode: shareable`): a tmpfs in the container's own folder."""

from __future__ import annotations

import contextlib
import errno
import os

from restd.errors import SystemFailure
from restd.lib import mounts
from restd.model.container import Container
from restd.oci.namespaces import SHAREABLE


def path(container: Container) -> str:
    """Where the memory is mounted on the host."""
    return f"{container.directory}/mounts/shm"


def mount(container: Container) -> str:
    """Mount it if the container shares its IPC; its path, else an empty string."""
    if container.host_config.ipc_mode != SHAREABLE:
        return ""
    target = path(container)
    os.makedirs(target, 0o700, exist_ok=True)
    if not mounts.is_mount_point(target):
        flags = mounts.MS_NOSUID | mounts.MS_NODEV | mounts.MS_NOEXEC
        try:
            mounts.mount("shm", target, "tmpfs", flags, f"mode=1777,size={container.host_config.shm_size}")
        except OSError as error:
            raise SystemFailure(f"cannot mount shared memory of container {container.id}: {error}") from error
    return target


def is_mounted(container: Container) -> bool:
    """Whether a run has left it mounted."""
    return container.host_config.ipc_mode == SHAREABLE and mounts.is_mount_point(path(container))


def unmount(container: Container) -> None:
    """Unmount it; not mounted is fine. Containers that joined keep theirs."""
    if container.host_config.ipc_mode != SHAREABLE:
        return
    try:
        mounts.unmount(path(container), detach=True)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOENT):
            raise
    with contextlib.suppress(OSError):
        os.rmdir(path(container))
