"""Which networks a list or a prune means: Docker's filters. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from restd.errors import InvalidParameter
from restd.filters import Filters
from restd.lib.patterns import any_of
from restd.model.network import Network

LIST_FILTERS = frozenset("name id driver type scope label dangling".split())
PRUNE_FILTERS = frozenset(("until", "label", "label!"))
_TYPES = ("builtin", "custom")


class Selection:
    """The filters of a list. `used` says of a network's id whether a container is on it."""

    def __init__(self, filters: Filters, used: Callable[[str], bool]) -> None:
        filters.check(LIST_FILTERS)
        self._filters = filters
        self._used = used
        self._fits_name, self._fits_id = _fits(filters, "name"), _fits(filters, "id")
        for value in filters.values("type"):
            if value not in _TYPES:
                raise InvalidParameter(f"invalid filter: 'type'='{value}'")
        self._dangling = _dangling(filters)

    def passes(self, network: Network) -> bool:
        """Whether a network passes: of each key one value, of labels all."""
        checks: Mapping[str, Callable[[str], bool]] = {
            "driver": lambda value: value == network.driver,
            "scope": lambda value: value == network.scope,
            "type": lambda value: (value == "builtin") == network.predefined,
        }
        filters = self._filters
        if not (self._fits_name(network.name) and self._fits_id(network.id)):
            return False
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


def _fits(filters: Filters, key: str) -> Callable[[str], bool]:
    return any_of(filters.values(key)) if key in filters else lambda _: True


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
