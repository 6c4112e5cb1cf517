"""Which volumes a client means: the filters of the list and of prune. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from restd.errors import InvalidParameter
from restd.filters import Filters
from restd.model.volume import LOCAL, Volume

LIST_FILTERS = frozenset("dangling name driver label".split())
PRUNE_FILTERS = frozenset("label label! all".split())
_PATTERN_LIMIT = 1024


def selected(volumes: Iterable[Volume], filters: Filters, in_use: Callable[[str], bool]) -> list[Volume]:
    """Those that pass every key: of `name` and `driver` one value must fit, of `label` all, of `label!` none."""
    patterns = [_pattern(value) for value in filters.values("name")]
    drivers = filters.values("driver")
    dangling = filters.flag("dangling") if "dangling" in filters else None
    return [
        volume
        for volume in volumes
        if (not patterns or any(pattern.search(volume.name) for pattern in patterns))
        and (not drivers or LOCAL in drivers)
        and all(_has(volume, value) for value in filters.values("label"))
        and not any(_has(volume, value) for value in filters.values("label!"))
        and (dangling is None or in_use(volume.name) != dangling)
    ]


def _pattern(value: str) -> re.Pattern[str]:
    """A regular expression; one that is none is taken as it stands."""
    if len(value) > _PATTERN_LIMIT:
        raise InvalidParameter("invalid filter 'name': the pattern is too long")
    try:
        return re.compile(value)
    except re.error:
        return re.compile(re.escape(value))


def _has(volume: Volume, wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    labels = volume.labels or {}
    return key in labels and (not equals or labels[key] == value)
