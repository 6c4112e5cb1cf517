"""The query string, read as Docker's engine reads it."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from restd.errors import InvalidParameter
from restd.lib.times import now_ns
from restd.logs.query import parse_time

_FALSE = frozenset(("", "0", "no", "false", "none"))
_FIELD_LIMIT = 10_000
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ns|us|µs|ms|s|m|h)")
_UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


class Query:
    """Parameters by name; of several with one name the first counts, unless `all_of` is asked."""

    def __init__(self, text: str) -> None:
        self._values: dict[str, list[str]] = {}
        if not text:
            return
        try:
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELD_LIMIT, errors="replace")
        except ValueError as error:
            raise InvalidParameter(f"the query string can't be read: {error}") from error
        for key, value in pairs:
            self._values.setdefault(key, []).append(value)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def text(self, key: str, default: str = "") -> str:
        """The value, or `default` if there is none. No value may have a NUL byte: none is a name anywhere."""
        values = self._values.get(key)
        if not values:
            return default
        if "\0" in values[0]:
            raise InvalidParameter(f"invalid value for {key}: it contains a NUL byte")
        return values[0]

    def all_of(self, key: str) -> list[str]:
        """Every value of a parameter that may be repeated."""
        return self._values.get(key, [])

    def flag(self, key: str, default: bool = False) -> bool:
        """Empty, `0`, `no`, `false` and `none` are false, anything else is true; `default` when the key is missing."""
        values = self._values.get(key)
        return default if values is None else values[0].strip().lower() not in _FALSE

    def number(self, key: str, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`; None if the key is missing or empty."""
        text = self.text(key).strip()
        if not text:
            return None
        digits = text.removeprefix("-").removeprefix("+")
        if not (digits.isascii() and digits.isdigit()) or len(text) > 20:
            raise InvalidParameter(f"invalid value for {key}: {text[:64]!r} is not a whole number")
        value = int(text)
        if not low <= value <= high:
            raise InvalidParameter(f"invalid value for {key}: {text} is not between {low} and {high}")
        return value


def read_age(text: str | None) -> int | None:
    """`until` of a filter: a duration before now (`24h`, `1h30m`) or a time; nanoseconds since the epoch."""
    if not text:
        return None
    parts = _DURATION.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return now_ns() - sum(int(float(number) * _UNITS[unit]) for number, unit in parts)
    return parse_time(text, "until")
