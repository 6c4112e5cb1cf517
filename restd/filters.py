"""The `filters` parameter of lists, prunes and events: key -> values, in either of the two encodings clients use.

`{"label":["a","b=c"]}` (docker-py, dockerode, aiodocker) and `{"label":{"a":true,"b=c":true}}` (Go). In the second the
truth values mean nothing: Docker's engine takes every key as given.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from restd.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class Filters:
    """Immutable. True if there is any filter at all; `"label" in filters` if there is one of that key."""

    _by_key: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str | None) -> Filters:
        """From the parameter's text; nothing and an empty text are no filter. InvalidParameter if it can't be read."""
        if not text:
            return cls()
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            raise InvalidParameter("invalid filter") from None
        if value is None:
            return cls()
        if not isinstance(value, dict):
            raise InvalidParameter("invalid filter")
        return cls({key: _values(inner) for key, inner in value.items()})

    def check(self, allowed: Iterable[str]) -> None:
        """InvalidParameter `invalid filter 'x'` for a key that is not in `allowed`."""
        known = frozenset(allowed)
        for key in self._by_key:
            if key not in known:
                raise InvalidParameter(f"invalid filter '{key}'")

    def values(self, key: str) -> tuple[str, ...]:
        """The values of a key, empty if it was not given."""
        return self._by_key.get(key, ())

    def one(self, key: str) -> str | None:
        """The only value of a key that takes one; InvalidParameter if there are several."""
        values = self.values(key)
        if len(values) > 1:
            raise InvalidParameter(f"invalid filter '{key}': more than one value")
        return values[0] if values else None

    def flag(self, key: str, default: bool = False) -> bool:
        """A truth value: `1` and `true`, `0` and `false` in any case."""
        values = {value.lower() for value in self.values(key)}
        if not values:
            return default
        if values <= {"1", "true", "t"}:
            return True
        if values <= {"0", "false", "f"}:
            return False
        raise InvalidParameter(f"invalid filter '{key}={min(values)}'")

    def __bool__(self) -> bool:
        return bool(self._by_key)

    def __contains__(self, key: object) -> bool:
        return key in self._by_key


def _values(value: Any) -> tuple[str, ...]:
    """The values of one key. Scalars in place of a list are one value; numbers and truth values are written out."""
    if value is None:
        return ()
    if isinstance(value, dict):
        return tuple(value)
    if isinstance(value, list):
        return tuple(_text(entry) for entry in value)
    return (_text(value),)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value:g}" if isinstance(value, float) else str(value)
    raise InvalidParameter("invalid filter")
