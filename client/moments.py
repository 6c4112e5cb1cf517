"""Points in time: read as `logs --since` takes them, and shown as a distance from now."""

from __future__ import annotations

import time

from client.values import duration, is_number

_ZERO = "0001-01-01T00:00:00Z"


def stamp(text: str, now: float) -> str:
    """A moment for the engine, `SECONDS[.NANOSECONDS]`, from a duration back from now, a Unix time or an RFC 3339 date.

    A date without a zone is in local time, as in Docker's client. Raises ValueError.
    """
    whole, _, part = text.partition(".")
    if is_number(whole) and (not part or is_number(part)) and len(text) < 40:
        return text
    try:
        return _join(int(now * 10**9) - duration(text))
    except ValueError:
        pass
    return _join(nanoseconds(text))


def nanoseconds(text: str) -> int:
    """An RFC 3339 date, in full or cut after the minutes, the hour or the day, as Unix nanoseconds."""
    date, _, clock = text.replace("t", "T").partition("T")
    zone: int | None = None
    for sign in "+-":
        if sign in clock:
            clock, _, offset = clock.partition(sign)
            hours, _, minutes = offset.partition(":")
            if not (len(hours) == len(minutes) == 2 and is_number(hours + minutes)):
                raise ValueError("the date's time zone is not valid")
            zone = (int(hours) * 3600 + int(minutes) * 60) * (1 if sign == "+" else -1)
    if clock[-1:] in ("Z", "z"):
        clock, zone = clock[:-1], 0
    clock, _, fraction = clock.partition(".")
    if fraction and not is_number(fraction):
        raise ValueError("the date's fraction of a second is not valid")
    fields = [*date.split("-"), *(clock.split(":") if clock else [])]
    lengths = [len(field) for field in fields]
    if not 3 <= len(fields) <= 6 or lengths != [4, 2, 2, 2, 2, 2][: len(fields)] or not is_number("".join(fields)):
        raise ValueError("a duration, a Unix time or a date such as 2026-01-31T08:00:00Z is wanted")
    year, month, day, hour, minute, second = [int(field) for field in fields] + [0] * (6 - len(fields))
    if not (year and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 61):
        raise ValueError("the date does not exist")
    parts = (year, month, day, hour, minute, second, 0, 0, -1)
    try:
        seconds = int(time.mktime(parts)) if zone is None else _utc_seconds(parts) - zone
    except OverflowError as error:
        raise ValueError("the date is too far away") from error
    return seconds * 10**9 + int(fraction[:9].ljust(9, "0") or "0")


def _utc_seconds(parts: tuple[int, ...]) -> int:
    """A date and clock in UTC as Unix seconds. (calendar.timegm would cost 2 ms of imports.)"""
    year, month, day, hour, minute, second, *_ = parts
    # Count years from March, so that the leap day is the last: days before month m are (153 m + 2) // 5.
    year -= month <= 2
    days = year * 365 + year // 4 - year // 100 + year // 400 + (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return (days - 719468) * 86400 + hour * 3600 + minute * 60 + second


def ago(seconds: float) -> str:
    """A length of time in words, as Docker shows it: `About a minute`, `3 hours`."""
    whole = int(seconds)
    hours = int(seconds / 3600 + 0.5)
    if whole < 1:
        return "Less than a second"
    if whole == 1:
        return "1 second"
    if whole < 60:
        return f"{whole} seconds"
    if whole < 120:
        return "About a minute"
    if whole < 3600:
        return f"{whole // 60} minutes"
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    if hours < 24 * 7 * 2:
        return f"{hours // 24} days"
    if hours < 24 * 30 * 2:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{int(seconds / 3600) // 24 // 365} years"


def local(seconds: int) -> str:
    """A Unix time as a local date with its zone: `2026-01-31 08:00:00 +0100 CET`."""
    return time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(seconds))


def is_set(text: str) -> bool:
    """Whether an engine's date is a date, not Go's zero."""
    return bool(text) and text != _ZERO


def _join(moment: int) -> str:
    return f"{moment // 10**9}.{moment % 10**9:09d}"
