"""What containers use, once or every second."""

from __future__ import annotations

import asyncio

from restd.api import wire
from restd.api.call import Call, Outcome, dumps, json_reply
from restd.api.engine import Engine
from restd.api.table import Parameter, Route
from restd.api.views.stats import stats_view
from restd.container.stats import INTERVAL
from restd.errors import InvalidParameter


class StatsRoutes:
    """`/containers/NAME/stats`."""

    def __init__(self, engine: Engine) -> None:
        self._containers = engine.containers
        self._engine = engine

    def routes(self) -> list[Route]:
        """The operations of this module."""
        return [
            Route(
                "GET",
                "/containers/{name}/stats",
                self._stats,
                "What a container uses",
                parameters=(
                    Parameter("stream", "Every second until the container is removed; the default.", "boolean"),
                    Parameter("one-shot", "One reading, without another one before it.", "boolean"),
                ),
                answers={
                    200: ("One JSON object a line.", "Stats"),
                    400: ("The parameters contradict each other.", "Error"),
                    404: ("No such container.", "Error"),
                },
            )
        ]

    async def _stats(self, call: Call) -> Outcome:
        query = call.query
        stream = query.flag("stream", True)
        one_shot = query.flag("one-shot") and call.version >= (1, 41)
        if stream and one_shot:
            raise InvalidParameter("cannot have stream=true and one-shot=true")
        await self._containers.settled(call.name)
        container = self._containers.get(call.name)
        if not stream:
            before, usage = None, await self._containers.sample(container.id)
            if usage is not None and not one_shot:
                await asyncio.sleep(INTERVAL)  # the processors' shares are told by two readings
                before, usage = usage, await self._containers.sample(container.id)
            return json_reply(stats_view(container.id, container.name, usage, before, self._engine.host.memory))
        readings = self._containers.samples(container.id)
        answer, before = call.stream(wire.JSON), None
        async for name, usage in readings:
            await answer.write(dumps(stats_view(container.id, name, usage, before, self._engine.host.memory)) + b"\n")
            before = usage
        return answer
