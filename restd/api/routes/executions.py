"""Execs: another process in a running container."""

from __future__ import annotations

from restd.api.call import GIVEN, Call, Outcome, Reply, json_reply
from restd.api.engine import Engine
from restd.api.routes.containers import read_size, size_parameters
from restd.api.schemas.execution import exec_create_schema, exec_start_schema, read_exec_create, read_exec_start
from restd.api.table import Route
from restd.api.views.execution import exec_view

_BODY_LIMIT = 4 << 20


class ExecRoutes:
    """`/containers/NAME/exec` and `/exec`."""

    def __init__(self, engine: Engine) -> None:
        self._containers = engine.containers

    def routes(self) -> list[Route]:
        """The operations of this module."""
        missing = {404: ("No such exec.", "Error")}
        return [
            Route(
                "POST",
                "/containers/{name}/exec",
                self._create,
                "Prepare an exec",
                body=exec_create_schema,
                answers={
                    201: ("", "Id"),
                    400: ("A field is wrong.", "Error"),
                    404: ("No such container.", "Error"),
                    409: ("The container doesn't run.", "Error"),
                },
            ),
            Route(
                "POST",
                "/exec/{name}/start",
                self._start,
                "Run a prepared exec",
                description="Unless detached, takes the connection over as an attach does.",
                body=exec_start_schema,
                answers={
                    101: ("The connection is a raw stream now.", "stream"),
                    200: ("Started; the connection is a raw stream now if it was not detached.", "stream"),
                    **missing,
                    409: ("It ran already, or the container doesn't run.", "Error"),
                },
            ),
            Route(
                "POST",
                "/exec/{name}/resize",
                self._resize,
                "Set the size of an exec's terminal",
                parameters=size_parameters(),
                answers={200: ("Done.", None), **missing},
            ),
            Route("GET", "/exec/{name}/json", self._inspect, "Inspect an exec", answers={200: ("", "Exec"), **missing}),
        ]

    async def _create(self, call: Call) -> Outcome:
        config = read_exec_create(await call.object(), call.version)
        return json_reply({"Id": await self._containers.exec_create(call.name, config)}, 201)

    async def _start(self, call: Call) -> Outcome:
        start = read_exec_start(await call.object(required=False), call.version)
        size = (start.console_size[0], start.console_size[1]) if start.console_size else None
        await self._containers.exec_start(
            call.name,
            detach=start.detach,
            tty=start.tty,
            console_size=size,
            connection=None if start.detach else await call.connection(),
            heads=call.heads,
        )
        return Reply() if start.detach else GIVEN

    async def _resize(self, call: Call) -> Outcome:
        await self._containers.exec_resize(call.name, *read_size(call))
        return Reply()

    async def _inspect(self, call: Call) -> Outcome:
        return json_reply(exec_view(self._containers.exec_inspect(call.name)))
