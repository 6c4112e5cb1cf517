from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest

from restd.api.call import Glance
from restd.api.engine import Engine
from restd.api.routes.system import SystemRoutes, wanted
from restd.config import Config
from restd.events import Event, Events
from restd.filters import Filters
from restd.lib.host import Host
from restd.lib.times import now_ns
from tests.unit.restd.api.door import run, serving

EVENT = Event("container", "exec_start: sh -c x", "c" * 64, {"image": "busybox:1", "name": "box", "tier": "web"}, 5)


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        ({}, True),
        ({"type": ["container"]}, True),
        ({"type": ["image"]}, False),
        ({"event": ["exec_start"]}, True),
        ({"event": ["exec_start: sh -c x"]}, True),
        ({"event": ["exec"]}, False),
        ({"container": ["box"]}, True),
        ({"container": ["ccc"]}, True),
        ({"container": ["other"]}, False),
        ({"container": ["other", "box"]}, True),
        ({"label": ["tier"]}, True),
        ({"label": ["tier=web"]}, True),
        ({"label": ["tier=web", "none"]}, False),
        ({"image": ["busybox:1"]}, True),
        ({"image": ["busybox"]}, True),
        ({"image": ["busy"]}, False),
        ({"network": ["x"]}, False),
        ({"scope": ["local"]}, True),
        ({"scope": ["swarm"]}, False),
    ],
)
def test_events_pass_by_every_key_and_any_of_its_values(filters: dict[str, list[str]], passes: bool) -> None:
    assert wanted(EVENT, Filters.parse(json.dumps(filters))) is passes


def routes(events: Events) -> SystemRoutes:
    return SystemRoutes(Engine(Config(), Host(), events, *[cast(Any, None)] * 4))


def test_ping_answers_two_bytes() -> None:
    reply = routes(Events()).ping(Glance((1, 50), "", ""))
    assert (reply.body, reply.headers) == (b"OK", reply.headers)
    assert reply.headers is not None and reply.headers["Swarm"] == "inactive"


def test_the_head_of_events_means_that_the_subscription_stands() -> None:
    async def scenario() -> None:
        events = Events()
        async with serving(*routes(events).routes()) as door:
            client = door.client()
            await client.send(b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
            await client.receive(b"\r\n\r\n")
            assert events.listeners == 1
            events.publish("container", "die", "c" * 64, {"exitCode": "0"})
            assert b'"Action":"die"' in await client.receive(b"\n")
            client.close()
            while events.listeners:
                await asyncio.sleep(0.002)

    run(scenario)


@pytest.mark.parametrize(
    ("query", "actions"),
    [("since=1&until=%d", ["old", "new"]), ("since=1&until=2", []), ("until=%d", ["old", "new"])],
)
def test_events_of_the_past_are_replayed_and_end(query: str, actions: list[str]) -> None:
    async def scenario() -> None:
        events = Events()
        events.publish("image", "old", "a")
        events.publish("image", "new", "a")
        query_text = query.replace("%d", f"{now_ns() // 10**9}.{now_ns() % 10**9:09d}")
        async with serving(*routes(events).routes()) as door:
            client = door.client()
            await client.send(f"GET /events?{query_text} HTTP/1.1\r\nHost: d\r\n\r\n".encode())
            _, _, body = await client.reply()
            lines = [line for line in body.split(b"\r\n") if line.startswith(b"{")]
            assert [json.loads(line)["Action"] for line in lines] == actions

    run(scenario)
