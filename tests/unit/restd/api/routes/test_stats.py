from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from restd.api.routes.stats import StatsRoutes
from restd.lib.usage import Processor, Usage
from tests.unit.restd.api.door import run, serving
from tests.unit.restd.api.routes.rooms import Rooms, engine
from tests.unit.restd.container.sample import ID, container


class Running(Rooms):
    """One container, whose readings count up."""

    count = 0

    async def settled(self, ref: str) -> None:
        self.calls.append(("settled", ref))

    def get(self, ref: str) -> Any:
        return container()

    async def sample(self, ref: str) -> Usage:
        self.count += 1
        return Usage(at=self.count, processor=Processor(total=self.count))

    async def samples(self, ref: str) -> AsyncIterator[tuple[str, Usage]]:
        for _ in range(3):
            yield "box", await self.sample(ref)


def ask(query: str) -> tuple[int, list[dict[str, Any]]]:
    replies: list[Any] = []

    async def scenario() -> None:
        async with serving(*StatsRoutes(engine(Running())).routes()) as door:
            client = door.client()
            await client.send(f"GET /containers/box/stats{query} HTTP/1.1\r\nHost: d\r\n\r\n".encode())
            replies.append(await client.reply())

    run(scenario)
    status, _, body = replies[0]
    return status, [json.loads(line) for line in body.splitlines() if line.startswith(b"{")]


def test_each_object_of_a_stream_has_the_one_before_it() -> None:
    status, lines = ask("")
    assert status == 200
    assert [line["cpu_stats"]["cpu_usage"]["total_usage"] for line in lines] == [1, 2, 3]
    assert [line["precpu_stats"]["cpu_usage"]["total_usage"] for line in lines] == [0, 1, 2]
    assert {line["id"] for line in lines} == {ID}


def test_one_object_has_two_readings_unless_one_is_enough() -> None:
    (line,) = ask("?stream=0")[1]
    assert [line[key]["cpu_usage"]["total_usage"] for key in ("cpu_stats", "precpu_stats")] == [2, 1]
    (line,) = ask("?stream=0&one-shot=1")[1]
    assert [line[key]["cpu_usage"]["total_usage"] for key in ("cpu_stats", "precpu_stats")] == [1, 0]


def test_a_stream_is_no_single_shot() -> None:
    assert ask("?stream=1&one-shot=1") == (400, [{"message": "cannot have stream=true and one-shot=true"}])
