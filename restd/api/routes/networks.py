"""Networks and volumes, as far as there are any: so that clients that list them see the truth."""

from __future__ import annotations

import re
from collections.abc import Callable

from restd.api.call import Call, Outcome, json_reply
from restd.api.table import Parameter, Route
from restd.api.views.networks import PREDEFINED, network_id, network_view
from restd.errors import InvalidParameter, NotFound
from restd.filters import Filters

NETWORK_FILTERS = frozenset("name id driver type scope label dangling".split())
VOLUME_FILTERS = frozenset("dangling name driver label".split())


class NetworkRoutes:
    """`/networks` (the predefined ones) and `/volumes` (none)."""

    def routes(self) -> list[Route]:
        """The operations of this module."""
        filters = Parameter("filters", "JSON object of filters.")
        missing = {404: ("There is none.", "Error")}
        return [
            Route(
                "GET", "/networks", self._list, "List networks", parameters=(filters,), answers={200: ("", ["Network"])}
            ),
            Route(
                "GET",
                "/networks/{name}",
                self._inspect,
                "Inspect a network",
                answers={200: ("", "Network"), **missing},
            ),
            Route(
                "GET", "/volumes", self._volumes, "List volumes", parameters=(filters,), answers={200: ("", "Volumes")}
            ),
            Route("GET", "/volumes/{name}", self._volume, "Inspect a volume", answers=missing),
        ]

    async def _list(self, call: Call) -> Outcome:
        filters = Filters.parse(call.query.text("filters"))
        filters.check(NETWORK_FILTERS)
        return json_reply([network_view(name) for name in PREDEFINED if passes(name, filters)])

    async def _inspect(self, call: Call) -> Outcome:
        matches = [name for name in PREDEFINED if call.name == name] or [
            name for name in PREDEFINED if network_id(name).startswith(call.name)
        ]
        if not matches:
            raise NotFound(f"network {call.name} not found")
        if len(matches) > 1:
            raise InvalidParameter(
                f"network {call.name} is ambiguous ({len(matches)} matches found based on ID prefix)"
            )
        return json_reply(network_view(matches[0]))

    async def _volumes(self, call: Call) -> Outcome:
        Filters.parse(call.query.text("filters")).check(VOLUME_FILTERS)
        return json_reply({"Volumes": [], "Warnings": None})

    async def _volume(self, call: Call) -> Outcome:
        raise NotFound(f"get {call.name}: no such volume")


def passes(name: str, filters: Filters) -> bool:
    """Whether a predefined network passes: of each key one value. Names and ids match anywhere in them."""
    view = network_view(name)
    checks: dict[str, Callable[[str], bool]] = {
        "name": lambda value: _found(value, name),
        "id": lambda value: _found(value, view["Id"]),
        "driver": lambda value: value == view["Driver"],
        "scope": lambda value: value == view["Scope"],
        "type": lambda value: value == "builtin",
        "label": lambda _: False,
        "dangling": lambda value: value.lower() in ("0", "false"),
    }
    return all(
        key not in filters or any(check(value) for value in filters.values(key)) for key, check in checks.items()
    )


def _found(pattern: str, text: str) -> bool:
    """Plain text in `text`; Docker takes regular expressions, of which anchors are what people use."""
    plain = re.escape(pattern.removeprefix("^").removesuffix("$"))
    return (
        re.search(("^" if pattern.startswith("^") else "") + plain + ("$" if pattern.endswith("$") else ""), text)
        is not None
    )
