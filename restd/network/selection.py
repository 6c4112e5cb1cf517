"""Which networks a list or a prune means: Docker's filters. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from restd.errors import InvalidParameter
from restd.filters import Filters
from restd.model.network import Network

LIST_FILTERS = frozenset("name id driver type scope label dangling".split())
PRUNE_FILTERS = frozenset(("until", "label", "label!"))
_TYPES = ("builtin", "custom")
_PATTERN_LIMIT = 256


class Selection:
    """The filters of a list. `used` says of a network's id whether a container is on it."""

    def __init__(self, filters: Filters, used: Callable[[str], bool]) -> None:
        filters.check(LIST_FILTERS)
        self._filters = filters
        self._used = used
        for value in filters.values("type"):
            if value not in _TYPES:
                raise InvalidParameter(f"invalid filter: 'type'='{value}'")
        self._dangling = _dangling(filters)

    def passes(self, network: Network) -> bool:
        """Whether a network passes: of each key one value, of labels all."""
        checks: Mapping[str, Callable[[str], bool]] = {
            "name": lambda value: _found(value, network.name),
            "id": lambda value: _found(value, network.id),
            "driver": lambda value: value == network.driver,
            "scope": lambda value: value == network.scope,
            "type": lambda value: (value == "builtin") == network.predefined,
        }
        filters = self._filters
        for key, check in checks.items():
            if key in filters and not any(check(value) for value in filters.values(key)):
                return False
        if not all(has_label(network.labels, value) for value in filters.values("label")):
            return False
        unused = not network.predefined and not self._used(network.id)
        return self._dangling is None or self._dangling == unused


def prunable(filters: Filters, until: int | None) -> Callable[[Network], bool]:
    """Which networks a prune means, in use or not: those with the labels, made before `until` (nanoseconds)."""
    filters.check(PRUNE_FILTERS)

    def means(network: Network) -> bool:
        if network.predefined or network.config_only or (until is not None and network.created > until):
            return False
        if not all(has_label(network.labels, value) for value in filters.values("label")):
            return False
        return not any(has_label(network.labels, value) for value in filters.values("label!"))

    return means


def has_label(labels: Mapping[str, str], wanted: str) -> bool:
    """`key` or `key=value`."""
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or labels[key] == value)


def _dangling(filters: Filters) -> bool | None:
    values = filters.values("dangling")
    if len(values) > 1:
        raise InvalidParameter('got more than one value for filter key "dangling"')
    if not values:
        return None
    if values[0] not in ("0", "false", "1", "true"):
        raise InvalidParameter('invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")')
    return values[0] in ("1", "true")


def _found(pattern: str, text: str) -> bool:
    """Docker: equal, or a regular expression that matches somewhere in `text`; one that is broken matches nothing.

    Names are short, and so are patterns here: those that could run for long are taken as plain text.
    """
    if pattern == text:
        return True
    if len(pattern) > _PATTERN_LIMIT:
        return False
    if re.search(r"[*+}][^)]*\)\s*[*+{]", pattern):
        return pattern in text
    try:
        return re.search(pattern, text) is not None
    except (re.error, RecursionError, OverflowError):
        return False
