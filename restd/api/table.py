"""The table of routes: how a method and a path find their handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from marshmallow import Schema

from restd.api.call import Call, Glance, Outcome, Reply
from restd.api.versions import Version, split_prefix

Handler = Callable[[Call], Awaitable[Outcome]]
Instant = Callable[[Glance], Reply | None]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter, for the API description. `kind` as in JSON Schema: string, boolean, integer."""

    name: str
    description: str
    kind: str = "string"
    required: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `path` has at most one `{name}`; with `slashes` the name may contain them (image names).

    `handler` answers; `instant`, if there is one, answers from memory without waiting, or None when it can't.
    The rest describes the operation.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    instant: Instant | None = None
    slashes: bool = False
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Callable[[], Schema] | str | None = None
    answers: dict[int, tuple[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match:
    """A route and what the path said."""

    route: Route
    version: Version
    name: str


class Table:
    """Finds a route by two look-ups in dictionaries, whatever their number."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._exact: dict[tuple[str, str], Route] = {}
        self._named: dict[tuple[str, str, str], Route] = {}
        self.routes = tuple(routes)
        for route in self.routes:
            before, brace, after = route.path.partition("{name}")
            if brace:
                self._named[route.method, before.strip("/"), after.strip("/")] = route
            else:
                self._exact[route.method, route.path] = route

    def find(self, method: str, path: str) -> Match | None:
        """The route of a request; `path` is still percent-encoded and may have a version prefix."""
        version, path = split_prefix(path)
        if path.endswith("/") and len(path) > 1:
            path = path[:-1]
        if (route := self._exact.get((method, path))) is not None:
            return Match(route, version, "")
        room, _, rest = path[1:].partition("/")
        name, _, verb = rest.rpartition("/")
        found = self._named.get((method, room, verb)) if name else None
        if found is None:
            name, found = rest, self._named.get((method, room, ""))
        if found is None or not name.strip("/") or ("/" in name.lstrip("/") and not found.slashes):
            return None
        return Match(found, version, unquote(name.lstrip("/"), errors="replace"))
