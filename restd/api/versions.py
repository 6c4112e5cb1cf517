"""API versions: what a path prefix means and which are served (1.24 to 1.50)."""

from __future__ import annotations

import re

from restd.errors import InvalidParameter

Version = tuple[int, ...]

NEWEST: Version = (1, 50)
OLDEST: Version = (1, 24)

_PREFIX = re.compile(r"/v(\d{1,9}(?:\.\d{1,9}){0,3})(/.*)", re.DOTALL)


def text_of(version: Version) -> str:
    """`(1, 50)` -> `1.50`."""
    return ".".join(map(str, version))


def split_prefix(path: str) -> tuple[Version, str]:
    """The version that a path asks for and the path without it; no prefix asks for the newest.

    Versions compare by number, part by part: 1.9 is older than 1.24.
    """
    match = _PREFIX.fullmatch(path) if path.startswith("/v") else None
    if match is None:
        return NEWEST, path
    return tuple(int(part) for part in match[1].split(".")), match[2]


def check_served(version: Version) -> None:
    """InvalidParameter, in Docker's words, for a version that is not served."""
    if version > NEWEST:
        raise InvalidParameter(
            f"client version {text_of(version)} is too new. Maximum supported API version is {text_of(NEWEST)}"
        )
    if version < OLDEST:
        raise InvalidParameter(
            f"client version {text_of(version)} is too old. Minimum supported API version is {text_of(OLDEST)}, "
            "please upgrade your client to a newer version"
        )
