"""List: which containers a client asks for, newest first. Pure but for the registry it looks at.

Different filter keys must all hold; of one key's values one must, but for `label`, where all must. Source: Docker
Engine API, `ContainerList`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from restd.container.publishing import open_ports
from restd.container.registry import Registry
from restd.errors import InvalidParameter, NotFound
from restd.filters import Filters
from restd.lib.patterns import any_of
from restd.model.container import Container, Status


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A list request. `limit` of 0 or less: none. `since` and `before` are references."""

    all: bool = False
    limit: int = 0
    since: str = ""
    before: str = ""
    filters: Filters = field(default_factory=Filters)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many containers there are of each sort."""

    running: int = 0
    paused: int = 0
    stopped: int = 0


def count(registry: Registry) -> Counts:
    """For `/info`, where Docker counts what is about to be restarted as stopped."""
    statuses = [entry.container.state.status for entry in registry]
    running = statuses.count(Status.RUNNING)
    paused = statuses.count(Status.PAUSED)
    return Counts(running, paused, len(statuses) - running - paused)


def listed(registry: Registry, query: ListQuery, image_ids: Callable[[str], frozenset[str]]) -> list[Container]:
    """The containers that `query` asks for. `image_ids`: an image reference to its id and those of its descendants.

    Raises InvalidParameter for an unknown filter or value, NotFound for an unknown `since` or `before`.
    """
    filters = query.filters
    filters.check(_KEYS)
    chosen = sorted((entry.container for entry in registry), key=lambda item: (item.created, item.id), reverse=True)
    everything = query.all or query.limit > 0 or "status" in filters or query.since or query.before
    if not everything:
        chosen = [container for container in chosen if container.state.running]
    for reference in (query.before, *filters.values("before")):
        if reference:
            pivot = registry.find(reference).container
            chosen = [item for item in chosen if (item.created, item.id) < (pivot.created, pivot.id)]
    for reference in (query.since, *filters.values("since")):
        if reference:
            pivot = registry.find(reference).container
            chosen = [item for item in chosen if (item.created, item.id) > (pivot.created, pivot.id)]
    if filters:
        for key, values in ((key, filters.values(key)) for key in _KEYS if key in filters):
            if key in ("before", "since"):
                continue
            test = _test(key, values, registry, image_ids)
            chosen = [container for container in chosen if test(container)]
    return chosen[: query.limit] if query.limit > 0 else chosen


Test = Callable[[Container], bool]


def _test(key: str, values: tuple[str, ...], registry: Registry, image_ids: Callable[[str], frozenset[str]]) -> Test:
    if key == "ancestor":
        wanted = frozenset().union(*(image_ids(value) for value in values))
        return lambda container: container.image in wanted
    if key == "network":
        joined = {value: _target(value, registry) for value in values}
        return lambda container: any(_on_network(container, value, joined) for value in values)
    return _TESTS[key](values)


def _target(value: str, registry: Registry) -> str:
    try:
        return registry.find(value).container.id
    except (NotFound, InvalidParameter):
        return ""


def _on_network(container: Container, value: str, joined: Mapping[str, str]) -> bool:
    """By the network's name or the beginning of its id, or by a container whose network is shared."""
    for name, asked in container.endpoints.items():
        if value == name or (value and asked.network_id.startswith(value)):
            return True
    return bool(joined[value]) and container.host_config.network_mode == f"container:{joined[value]}"


def _names(values: tuple[str, ...]) -> Test:
    """A regular expression somewhere in the name, with or without its slash."""
    fits = any_of(values)
    return lambda container: fits(container.name) or fits(f"/{container.name}")


def _labels(values: tuple[str, ...]) -> Test:
    pairs = [value.partition("=") for value in values]

    def test(container: Container) -> bool:
        labels = container.config.labels
        return all(key in labels and (not equals or labels[key] == value) for key, equals, value in pairs)

    return test


def _statuses(values: tuple[str, ...]) -> Test:
    known = {str(status) for status in Status}
    for value in values:
        if value not in known:
            raise InvalidParameter(f"invalid filter 'status={value}'")
    return lambda container: str(container.state.status) in values


def _exited(values: tuple[str, ...]) -> Test:
    codes = set()
    for value in values:
        if not re.fullmatch(r"-?[0-9]{1,10}", value):
            raise InvalidParameter(f"invalid filter 'exited={value}'")
        codes.add(int(value))

    def test(container: Container) -> bool:
        state = container.state
        return state.exit_code in codes and not state.running and state.started_at != 0

    return test


def _health(values: tuple[str, ...]) -> Test:
    for value in values:
        if value not in ("starting", "healthy", "unhealthy", "none"):
            raise InvalidParameter(f"unrecognised filter value for health: {value}")

    def test(container: Container) -> bool:
        health = container.state.health
        return ("none" if health is None else str(health.status)) in values

    return test


def _volumes(values: tuple[str, ...]) -> Test:
    def test(container: Container) -> bool:
        present = {point.target for point in container.mounts}
        present |= {point.name or point.source for point in container.mounts}
        return any(value in present for value in values)

    return test


def _ports(values: tuple[str, ...], *, published: bool) -> Test:
    """Ports of a running container: on the host (`publish`), or its own, published or not (`expose`)."""
    wanted: set[str] = set()
    for value in values:
        wanted |= parse_ports(value)

    def test(container: Container) -> bool:
        if published:
            return any(f"{mapping.host_port}/{mapping.protocol}" in wanted for mapping in container.sandbox.ports)
        return any(f"{port}/{protocol}" in wanted for port, protocol in open_ports(container))

    return test


def parse_ports(value: str) -> set[str]:
    """`80`, `80/udp`, `8000-8010/tcp` as a set of `PORT/PROTOCOL`; InvalidParameter if it is none of these."""
    match = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?(?:/(tcp|udp|sctp))?", value)
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if match is None or low > high or high > 65535:
        raise InvalidParameter(f"invalid filter: invalid port range {value!r}")
    return {f"{port}/{match[3] or 'tcp'}" for port in range(low, high + 1)}


def _truths(values: tuple[str, ...]) -> Test:
    """`is-task`: nothing here is a task of a swarm."""
    for value in values:
        if value.lower() not in ("0", "1", "true", "false"):
            raise InvalidParameter(f"invalid filter 'is-task={value}'")
    return lambda _: any(value.lower() in ("0", "false") for value in values)


_TESTS: dict[str, Callable[[tuple[str, ...]], Test]] = {
    "name": _names,
    "id": lambda values: lambda container: any(container.id.startswith(value) for value in values),
    "label": _labels,
    "status": _statuses,
    "exited": _exited,
    "health": _health,
    "volume": _volumes,
    "publish": lambda values: _ports(values, published=True),
    "expose": lambda values: _ports(values, published=False),
    "is-task": _truths,
    "isolation": lambda values: lambda container: (container.host_config.isolation or "default") in values,
}
_KEYS = (*_TESTS, "ancestor", "network", "before", "since")
