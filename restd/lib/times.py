"""Times as the Docker API writes them: RFC 3339, UTC. Inside the engine a time is an int of nanoseconds."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

ZERO = "0001-01-01T00:00:00Z"
"""How Docker writes a time that was never set; here it is the int 0."""

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)


def now_ns() -> int:
    """The present, in nanoseconds since the epoch."""
    return time.time_ns()


def to_rfc3339(nanoseconds: int) -> str:
    """`2026-01-02T03:04:05.123456789Z`: always nine digits; 0 gives `ZERO`."""
    if nanoseconds == 0:
        return ZERO
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def go_duration(nanoseconds: int) -> str:
    """`1m30s`, `1.5s`, `250ms`: how Go writes a time.Duration, and so Docker in its messages."""
    if nanoseconds == 0:
        return "0s"
    sign, value = ("-" if nanoseconds < 0 else ""), abs(nanoseconds)
    for unit, size in (("ns", 1_000), ("µs", 1_000_000), ("ms", 1_000_000_000)):
        if value < size:
            return f"{sign}{_decimal(value, size // 1_000)}{unit}"
    minutes, rest = divmod(value, 60_000_000_000)
    seconds = f"{_decimal(rest, 1_000_000_000)}s"
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"


def _decimal(value: int, unit: int) -> str:
    """`value` in units, with as many decimals as it takes."""
    whole, fraction = divmod(value, unit)
    digits = f"{fraction:0{len(str(unit)) - 1}d}".rstrip("0") if fraction else ""
    return f"{whole}.{digits}" if digits else str(whole)


def from_rfc3339(text: str) -> int:
    """The inverse of `to_rfc3339`, any offset and any number of fraction digits; ValueError if it is not a time."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    day, clock, fraction, _, sign, hours, minutes = match.groups()
    if day.startswith("0001-"):
        return 0
    seconds = int(datetime.fromisoformat(f"{day}T{clock}+00:00").timestamp())
    if sign:
        offset = (int(hours) * 60 + int(minutes)) * 60
        seconds += -offset if sign == "+" else offset
    return seconds * 1_000_000_000 + int((fraction or "").ljust(9, "0"))
