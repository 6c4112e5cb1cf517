"""A container's run-time folder, STATE/RUNTIME/ID: made empty for each run, gone with the container.

The folder itself stays the same from the first start to the removal: a shim of an earlier run that still holds a
`wait` for the removal takes a folder with another inode for a removed one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil

from restd.runtime.nursery import ShimGone, ShimLink, ShimRefused
from shim.protocol import ATTACH_SOCKET, OP_REMOVED

CONCLUDED_SECONDS = 5.0
_MODE = 0o700


def make_empty(path: str) -> None:
    """Make the folder, or empty it of what an earlier run left."""
    try:
        os.mkdir(path, _MODE)
    except FileNotFoundError:
        os.makedirs(path, _MODE, exist_ok=True)
    except FileExistsError:
        empty(path)


def empty(path: str) -> None:
    """Remove what is in the folder; the folder stays."""
    with contextlib.suppress(FileNotFoundError), os.scandir(path) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)


async def concluded(link: ShimLink) -> None:
    """Wait until a shim whose process has ended has written its record, or is gone; CONCLUDED_SECONDS at most.

    A record that came after its folder was emptied would look like the end of a run that never was.
    """
    rounds = round(CONCLUDED_SECONDS / 0.01)
    while rounds and link.read_exit_record() is None and link.alive():
        await asyncio.sleep(0.01)
        rounds -= 1


async def take_away(path: str) -> str:
    """Take the folder out of its place and tell the shim that may still be there for those who wait for the removal.

    Returns where it is now, empty if there was none; deleting it is left to the caller.
    """
    parent, name = os.path.split(path)
    aside = os.path.join(parent, f".{name[:12]}-{secrets.token_hex(4)}")
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        return ""
    if os.access(os.path.join(aside, ATTACH_SOCKET), os.F_OK):
        with contextlib.suppress(ShimGone, ShimRefused):
            await ShimLink(aside).request(OP_REMOVED)
    return aside
