"""When a log must be rotated, and what that renames. Pure; sizes are bytes, -1 for no limit."""

from __future__ import annotations


def split(data: bytes, room: int, fresh: bool) -> int:
    """How many bytes of `data` (whole messages, each ended by a newline) go into the present file.

    `room` is what is left in it (negative: no limit). 0 means: rotate first. A file is never left over its limit,
    but for a single message that is larger than the limit itself: that one gets a `fresh` file of its own.
    """
    if room < 0 or len(data) <= room:
        return len(data)
    fitting = data.rfind(b"\n", 0, room) + 1
    if fitting or not fresh:
        return fitting
    return data.find(b"\n") + 1 or len(data)


def renames(path: str, max_files: int) -> list[tuple[str, str]]:
    """The renames of one rotation, in the order to do them: `.N-2` -> `.N-1` ... `.1` -> `.2`, the log -> `.1`.

    The last target's old content is what gets lost. With one file only there is nothing to rename.
    """
    numbered = [path] + [f"{path}.{number}" for number in range(1, max_files)]
    return [(numbered[index], numbered[index + 1]) for index in range(len(numbered) - 2, -1, -1)]


def oldest_first(path: str, max_files: int) -> list[str]:
    """All names that a log of `max_files` may have, oldest first, the log itself last."""
    return [f"{path}.{number}" for number in range(max_files - 1, 0, -1)] + [path]
