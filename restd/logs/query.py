"""What a client wants of a log, and the forms in which the Docker API writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from restd.errors import InvalidParameter
from restd.lib.times import from_rfc3339

ALL = -1
_UNIX_TIME = re.compile(r"(-?\d{1,11})(?:\.(\d{0,9})\d*)?", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class LogQuery:
    """`since` (inclusive) and `until` (inclusive) in nanoseconds since the epoch, 0 if unset; `tail` -1 for all."""

    stdout: bool = False
    stderr: bool = False
    follow: bool = False
    since: int = 0
    until: int = 0
    timestamps: bool = False
    tail: int = ALL
    details: bool = False


def parse_time(text: str, name: str) -> int:
    """`since` or `until` (`name` is for the error): seconds with an optional fraction, or RFC 3339; empty or 0: unset.

    A fraction's digits are padded on the right (`.5` is half a second). InvalidParameter for anything else.
    """
    if not text:
        return 0
    if match := _UNIX_TIME.fullmatch(text):
        seconds = int(match[1])
        fraction = int((match[2] or "").ljust(9, "0"))
        return max(0, seconds * 1_000_000_000 + (fraction if seconds >= 0 else -fraction))
    try:
        return from_rfc3339(text)
    except ValueError:
        raise InvalidParameter(f'invalid value for "{name}": {text!r} is neither a unix time nor RFC 3339') from None


def parse_tail(text: str) -> int:
    """The number of lines; `all`, nothing, and whatever is no number mean all of them, as in Docker."""
    return int(text) if _NUMBER.fullmatch(text) else ALL
