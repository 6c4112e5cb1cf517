"""Volumes, as far as there are any: so that clients that list them see the truth."""

from __future__ import annotations

from restd.api.call import Call, Outcome, json_reply
from restd.api.table import Parameter, Route
from restd.errors import NotFound
from restd.filters import Filters

VOLUME_FILTERS = frozenset("dangling name driver label".split())


class VolumeRoutes:
    """`/volumes` (none)."""

    def routes(self) -> list[Route]:
        """The operations of this module."""
        filters = Parameter("filters", "JSON object of filters.")
        return [
            Route("GET", "/volumes", self._list, "List volumes", parameters=(filters,), answers={200: ("", "Volumes")}),
            Route("GET", "/volumes/{name}", self._one, "Inspect a volume", answers={404: ("There is none.", "Error")}),
        ]

    async def _list(self, call: Call) -> Outcome:
        Filters.parse(call.query.text("filters")).check(VOLUME_FILTERS)
        return json_reply({"Volumes": [], "Warnings": None})

    async def _one(self, call: Call) -> Outcome:
        raise NotFound(f"get {call.name}: no such volume")
