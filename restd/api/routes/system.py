"""The engine itself: ping, version, info, events."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace

from restd.api import wire
from restd.api.call import Call, Glance, Outcome, Reply, dumps, json_reply
from restd.api.engine import Engine
from restd.api.table import Parameter, Route
from restd.api.views.events import event_view
from restd.api.views.system import Figures, info_view, version_view
from restd.errors import InvalidParameter
from restd.events import Event, Subscription
from restd.filters import Filters
from restd.lib.host import forwards_ipv4
from restd.lib.times import now_ns
from restd.logs.query import parse_time

EVENT_FILTERS = frozenset(
    "type event container image label network volume daemon scope plugin node service secret config".split()
)
_KINDS_BY_NAME = ("container", "image", "network", "volume", "daemon", "plugin", "node", "service", "secret", "config")

_PING_HEADERS = {
    "Builder-Version": "1",
    "Swarm": "inactive",
    "Cache-Control": "no-cache, no-store, must-revalidate",
    "Pragma": "no-cache",
}


class SystemRoutes:
    """`/_ping`, `/version`, `/info`, `/events`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def routes(self) -> list[Route]:
        """The operations of this module."""
        filters = Parameter("filters", f"JSON object; keys: {', '.join(sorted(EVENT_FILTERS))}")
        ping = {200: ("The engine is there.", "text")}
        return [
            Route("GET", "/_ping", self._ping, "Ping", instant=self.ping, answers=ping),
            Route("HEAD", "/_ping", self._ping_head, "Ping without a body", answers=ping),
            Route("GET", "/version", self._version, "Versions", instant=self.version, answers={200: ("", "Version")}),
            Route("GET", "/info", self._info, "Facts about the engine and its host", answers={200: ("", "Info")}),
            Route(
                "GET",
                "/events",
                self._events,
                "Events as they happen",
                description="One JSON object a line. The head is sent when the subscription stands.",
                parameters=(
                    Parameter("since", "Replay from this time on: seconds since the epoch, or RFC 3339."),
                    Parameter("until", "End at this time."),
                    filters,
                ),
                answers={200: ("Events, one a line.", "Event")},
            ),
        ]

    def ping(self, _: Glance) -> Reply:
        """`OK`, without a newline."""
        return Reply(200, b"OK", wire.TEXT, _PING_HEADERS)

    async def _ping(self, call: Call) -> Outcome:
        return self.ping(call)

    async def _ping_head(self, _: Call) -> Outcome:
        return Reply(200, b"", wire.TEXT, _PING_HEADERS)

    def version(self, _: Glance) -> Reply:
        """Versions of the engine and its API."""
        return json_reply(version_view(self._engine.host))

    async def _version(self, call: Call) -> Outcome:
        return self.version(call)

    async def _info(self, _: Call) -> Outcome:
        engine = self._engine
        counts = engine.containers.counts()
        figures = Figures(
            running=counts.running,
            paused=counts.paused,
            stopped=counts.stopped,
            images=len(engine.images.list()),
            listeners=engine.events.listeners,
            tasks=len(asyncio.all_tasks()),
            descriptors=len(os.listdir("/proc/self/fd")),
            time=now_ns(),
        )
        problems = [
            *engine.images.problems,
            *engine.networks.problems,
            *engine.volumes.problems,
            *(f"cannot clean up {left.what} yet: {left.error}" for left in engine.containers.leftovers()),
        ]
        host = replace(engine.host, ipv4_forwarding=forwards_ipv4())
        return json_reply(info_view(engine.config, host, figures, problems, engine.networks.drivers))

    async def _events(self, call: Call) -> Outcome:
        query = call.query
        since, until = parse_time(query.text("since"), "since"), parse_time(query.text("until"), "until")
        if since and until and until < since:
            raise InvalidParameter("`since` time cannot be after `until` time")
        filters = Filters.parse(query.text("filters"))
        filters.check(EVENT_FILTERS)
        past = since or (0 if until and until <= now_ns() else None)
        with self._engine.events.subscribe(past) as subscription:
            stream = call.stream(wire.JSON, endless=True)
            async for event in _until(subscription, until):
                if wanted(event, filters):
                    await stream.write(dumps(event_view(event)) + b"\n")
        return stream


async def _until(subscription: Subscription, until: int) -> AsyncIterator[Event]:
    """The events before `until` (nanoseconds; 0: for ever), then the end at that time."""
    if not until:
        async for event in subscription:
            yield event
        return
    loop = asyncio.get_running_loop()
    timer = loop.call_later(max(0.0, (until - now_ns()) / 1e9), subscription.end)
    try:
        async for event in subscription:
            if event.time > until:
                return
            yield event
    finally:
        timer.cancel()


def wanted(event: Event, filters: Filters) -> bool:
    """Whether an event passes: every key must, by one of its values; of labels all must."""
    if not filters:
        return True
    return (
        _one_of(filters, "type", event.kind)
        and _action_passes(event, filters)
        and _one_of(filters, "scope", "local")
        and all(_has_label(event, label) for label in filters.values("label"))
        and all(_named(event, kind, filters) for kind in _KINDS_BY_NAME)
    )


def _one_of(filters: Filters, key: str, value: str) -> bool:
    return key not in filters or value in filters.values(key)


def _action_passes(event: Event, filters: Filters) -> bool:
    """`event=exec_start` also means `exec_start: CMD`, and `health_status` each of its outcomes."""
    values = filters.values("event")
    return "event" not in filters or event.action in values or event.action.partition(":")[0] in values


def _has_label(event: Event, label: str) -> bool:
    key, equals, value = label.partition("=")
    return key in event.attributes and (not equals or event.attributes[key] == value)


def _named(event: Event, kind: str, filters: Filters) -> bool:
    """Whether the event is about one of the things that `container=`, `image=` ... name: by id, its start, or name."""
    values = filters.values(kind)
    if not values:
        return True
    name = event.attributes.get("name", "")
    if kind == "image" and event.kind == "container":
        name = event.attributes.get("image", "")
        return any(value in (name, name.rpartition(":")[0]) for value in values)
    if event.kind != kind:
        return False
    return any(
        value in (event.actor, name)
        or event.actor.startswith(value)
        or (kind == "image" and name.startswith(f"{value}:"))
        for value in values
    )
