"""Resize: the terminal of a container's first process."""

from __future__ import annotations

from restd.container.announce import Announcer
from restd.container.registry import Entry
from restd.errors import Conflict, InvalidParameter
from restd.runtime.nursery import ShimGone, ShimLink
from shim.protocol import OP_RESIZE

LARGEST = (1 << 16) - 1


async def resize(entry: Entry, height: int, width: int, announcer: Announcer) -> None:
    """Set the size, in characters; 0 by 0 is passed over. Conflict if the container doesn't run.

    A container without a terminal has nothing to set; Docker answers that with success, and clients count on it.
    """
    check_size(height, width)
    container = entry.container
    if not container.state.alive or entry.link is None:
        raise Conflict(f"container {container.id} is not running")
    if container.config.tty and (height or width):
        await set_size(entry.link, height, width, f"container {container.id} is not running")
    announcer(container, "resize", height=str(height), width=str(width))


async def set_size(link: ShimLink, height: int, width: int, gone: str) -> None:
    """Ask a shim to set its terminal's size; Conflict with the text `gone` if it has ended."""
    try:
        await link.request(OP_RESIZE, {"height": height, "width": width})
    except ShimGone as error:
        raise Conflict(gone) from error


def check_size(height: int, width: int) -> None:
    """InvalidParameter for what is no size of a terminal (struct winsize has 16 bits a side)."""
    if not (0 <= height <= LARGEST and 0 <= width <= LARGEST):
        raise InvalidParameter(f"invalid terminal size {height}x{width}: height and width are 0 to {LARGEST}")
