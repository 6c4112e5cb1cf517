"""Filling an empty volume with what the image has at its mount point, as Docker does.

A plain volume that nobody uses is filled beside its place and then shown as a whole: a crash leaves it empty, and the
next container fills it. One that is mounted, or in use, is filled where it is.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys

from restd.errors import SystemFailure
from restd.lib.mounts import sync_file_system
from restd.lib.processes import ProgramTimeout, run
from restd.volume import copy_child

COPY_SECONDS = 1800.0
_CHILD = os.path.abspath(copy_child.__file__)


def is_empty(path: str) -> bool:
    """Whether a folder has no entries."""
    with os.scandir(path) as entries:
        return next(entries, None) is None


async def fill(source: int, data: str, beside: str) -> None:
    """Copy the folder `source` (a descriptor) into the empty folder `data`.

    `beside`: where to copy first, empty to copy at once. SystemFailure says what could not be copied.
    """
    if not os.listdir(source):
        _like(source, data)
        return
    target = beside or data
    if beside:
        os.mkdir(beside, 0o700)
    command = [sys.executable, "-I", "-S", "-E", _CHILD, f"/proc/{os.getpid()}/fd/{source}", target]
    try:
        done = await run(command, COPY_SECONDS)
    except ProgramTimeout as error:
        raise SystemFailure(f"cannot copy the image's files into the volume: {error}") from error
    if done.code != 0:
        reason = done.stderr.decode(errors="replace").strip()
        raise SystemFailure(f"cannot copy the image's files into the volume: {reason or f'exit code {done.code}'}")
    if beside:
        await asyncio.to_thread(sync_file_system, beside)
        os.rename(beside, data)


def _like(source: int, data: str) -> None:
    """An empty folder is copied by what it is."""
    about = os.stat(source)
    os.chown(data, about.st_uid, about.st_gid)
    os.chmod(data, stat.S_IMODE(about.st_mode))
    os.utime(data, ns=(about.st_atime_ns, about.st_mtime_ns))
