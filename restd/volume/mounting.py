"""Mounting what a volume's options name, and unmounting it.

What is on this host is mounted in a thread; what lies behind a wire may hang for minutes, in the kernel, and gets a
child with a time limit.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import sys
from typing import Any

from restd.errors import SystemFailure
from restd.lib import mounts
from restd.lib.processes import ProgramTimeout, run
from restd.volume import mount_child
from restd.volume.options import Device

REMOTE_SECONDS = 60.0
_CHILD = os.path.abspath(mount_child.__file__)


async def mount(device: Device, target: str) -> None:
    """Mount it. SystemFailure, in Docker's words, without a password."""
    request = {
        "op": "mount",
        "device": device.device,
        "target": target,
        "kind": device.kind,
        "flags": device.flags,
        "propagation": device.propagation,
        "data": device.data,
    }
    try:
        await _perform(request, remote=device.remote)
    except OSError as error:
        text = device.shown(error.strerror or str(error))
        raise SystemFailure(f"failed to mount local volume: {text}") from None


async def unmount(device: Device | None, target: str) -> None:
    """Unmount whatever is at `target`; nothing there is fine. SystemFailure if it is busy."""
    while is_mounted(target):
        try:
            await _perform({"op": "unmount", "target": target}, remote=device is not None and device.remote)
        except OSError as error:
            if error.errno == errno.EINVAL:  # somebody else was quicker
                return
            raise SystemFailure(f"cannot unmount volume: {error.strerror or error}") from error


async def _perform(request: dict[str, Any], *, remote: bool) -> None:
    if not remote:
        await asyncio.to_thread(mount_child.perform, request)
        return
    command = [sys.executable, "-I", "-S", "-E", _CHILD]
    try:
        done = await run(command, REMOTE_SECONDS, stdin=json.dumps(request).encode())
    except ProgramTimeout:
        raise OSError(errno.ETIMEDOUT, f"no answer within {REMOTE_SECONDS:g} s") from None
    if done.code != 0:
        raise OSError(errno.EIO, done.stderr.decode(errors="replace").strip() or f"exit code {done.code}")


def is_mounted(target: str) -> bool:
    """Whether something is mounted right at `target`, be it a part of the same file system."""
    return target in targets_below(target)


def targets_below(path: str) -> list[str]:
    """All mount points at `path` and below it. Source: proc_pid_mountinfo(5)."""
    plain = path.replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011").replace("\n", "\\012")
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        text = file.read()
    if f" {plain}" not in text:
        return []
    found = (mount.target for mount in mounts.parse_mountinfo(text))
    return [target for target in found if target == path or target.startswith(f"{path}/")]
