"""Containers: create, list, inspect, and what moves them from one state to another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from restd.api.call import Call, Glance, Outcome, Reply, json_reply
from restd.api.engine import Engine
from restd.api.rendered import Rendered
from restd.api.schemas.container import create_schema, read_create
from restd.api.table import Parameter, Route
from restd.api.views.containers import inspect_view, item_view, shown_images
from restd.api.views.durations import status_text
from restd.container.list import ListQuery
from restd.errors import InvalidParameter
from restd.filters import Filters
from restd.lib.times import now_ns
from restd.model.container import Container

_INT32 = (1 << 31) - 1
_UINT32 = (1 << 32) - 1
_START_BODY_LIMIT = 64 << 10
_NO_CONTENT = Reply(204)

_NAME = {404: ("No such container.", "Error")}
_MOVED = {204: ("Done.", None), **_NAME, 409: ("Not in its present state.", "Error")}


class ContainerRoutes:
    """`/containers`, but for streams."""

    def __init__(self, engine: Engine) -> None:
        self._containers = engine.containers
        self._images = engine.images
        self._rendered = Rendered(engine)

    def routes(self) -> list[Route]:
        """The operations of this module."""
        timeout = Parameter("t", "Seconds until the container is killed; -1: never.", "integer")
        signal = Parameter("signal", "Signal, by name or number.")
        size = Parameter("size", "Also SizeRw and SizeRootFs.", "boolean")
        return [
            Route(
                "GET",
                "/containers/json",
                self._list,
                "List containers",
                instant=self.list,
                parameters=(
                    Parameter("all", "Also those that don't run.", "boolean"),
                    Parameter("limit", "The newest so many, whatever their state.", "integer"),
                    size,
                    Parameter("since", "Only those created after this one."),
                    Parameter("before", "Only those created before this one."),
                    Parameter("filters", "JSON object of filters."),
                ),
                answers={200: ("Newest first.", ["ContainerItem"]), 400: ("A filter is wrong.", "Error")},
            ),
            Route(
                "POST",
                "/containers/create",
                self._create,
                "Create a container",
                parameters=(
                    Parameter("name", "Name; made up if missing."),
                    Parameter("platform", "os/arch[/variant] of the image."),
                ),
                body=create_schema,
                answers={
                    201: ("It exists and survives a power cut.", "Created"),
                    400: ("A field is wrong; the message names it.", "Error"),
                    404: ("No such image.", "Error"),
                    409: ("The name is taken.", "Error"),
                    501: ("A field asks for something that isn't supported yet; the message names it.", "Error"),
                },
            ),
            Route(
                "GET",
                "/containers/{name}/json",
                self._inspect,
                "Inspect a container",
                instant=self.inspect,
                parameters=(size,),
                answers={200: ("", "Container"), **_NAME},
            ),
            Route(
                "POST",
                "/containers/{name}/start",
                self._start,
                "Start a container",
                parameters=(Parameter("detachKeys", "Keys that end an attach."),),
                answers={
                    **_MOVED,
                    304: ("It runs already.", None),
                    400: ("Its command can't be run.", "Error"),
                },
            ),
            Route(
                "POST",
                "/containers/{name}/stop",
                self._stop,
                "Stop a container",
                parameters=(timeout, signal),
                answers={**_MOVED, 304: ("It doesn't run.", None)},
            ),
            Route(
                "POST",
                "/containers/{name}/restart",
                self._restart,
                "Restart a container",
                parameters=(timeout, signal),
                answers=_MOVED,
            ),
            Route("POST", "/containers/{name}/kill", self._kill, "Send a signal", parameters=(signal,), answers=_MOVED),
            Route("POST", "/containers/{name}/pause", self._pause, "Freeze all processes", answers=_MOVED),
            Route("POST", "/containers/{name}/unpause", self._unpause, "Thaw all processes", answers=_MOVED),
            Route(
                "POST",
                "/containers/{name}/rename",
                self._rename,
                "Rename a container",
                parameters=(Parameter("name", "The new name.", required=True),),
                answers=_MOVED,
            ),
            Route(
                "POST",
                "/containers/{name}/resize",
                self._resize,
                "Set the size of the terminal",
                parameters=size_parameters(),
                answers={200: ("Done.", None), **_NAME, 409: ("It doesn't run.", "Error")},
            ),
            Route(
                "GET",
                "/containers/{name}/top",
                self._top,
                "List processes",
                parameters=(Parameter("ps_args", "Arguments for ps, by default -ef."),),
                answers={200: ("", "Top"), **_NAME, 409: ("It doesn't run.", "Error")},
            ),
            Route(
                "DELETE",
                "/containers/{name}",
                self._remove,
                "Remove a container",
                parameters=(
                    Parameter("v", "Also its anonymous volumes.", "boolean"),
                    Parameter("force", "Kill it first if it runs.", "boolean"),
                    Parameter("link", "Remove a link, not the container.", "boolean"),
                ),
                answers=_MOVED,
            ),
        ]

    # Looking

    def list(self, glance: Glance) -> Reply | None:
        """The list, unless sizes are asked for."""
        query = glance.query
        if query.flag("size"):
            return None
        return self._rendered.list(self._listed(glance), glance.version)

    def _listed(self, glance: Glance) -> Sequence[Container]:
        query = glance.query
        wanted = ListQuery(
            all=query.flag("all"),
            limit=max(0, query.number("limit", -_INT32, _INT32) or 0),
            since=query.text("since"),
            before=query.text("before"),
            filters=Filters.parse(query.text("filters")),
        )
        return self._containers.list(wanted)

    async def _list(self, call: Call) -> Outcome:
        reply = self.list(call)
        if reply is not None:
            return reply
        containers = self._listed(call)
        shown = shown_images(containers, self._rendered.image_now)
        sizes = await asyncio.gather(*(self._containers.sizes(container) for container in containers))
        now = now_ns()
        return json_reply(
            [
                item_view(container, image, status_text(container.state, now), call.version, size)
                for container, image, size in zip(containers, shown, sizes, strict=True)
            ]
        )

    def inspect(self, glance: Glance) -> Reply | None:
        """All about one container, unless its sizes are asked for."""
        if (not glance.plain and glance.query.flag("size")) or self._containers.beginning(glance.name):
            return None
        return self._rendered.inspect(self._containers.get(glance.name), glance.version)

    async def _inspect(self, call: Call) -> Outcome:
        await self._containers.settled(call.name)
        reply = self.inspect(call)
        if reply is not None:
            return reply
        container = self._containers.get(call.name)
        sizes = await self._containers.sizes(container)
        driver = self._containers.graph_driver(container)
        execs = self._containers.execs(container.id)
        leftovers = self._containers.leftovers(container.id)
        return json_reply(inspect_view(container, execs, driver, call.version, sizes, leftovers))

    async def _top(self, call: Call) -> Outcome:
        top = await self._containers.top(call.name, call.query.text("ps_args"))
        return json_reply({"Titles": list(top.titles), "Processes": [list(row) for row in top.processes]})

    # Moving

    async def _create(self, call: Call) -> Outcome:
        query = call.query
        body = await call.object()
        request = read_create(body, query.text("name").removeprefix("/"), query.text("platform"), call.version)
        created = await self._containers.create(request)
        return json_reply({"Id": created.id, "Warnings": list(created.warnings)}, 201)

    async def _start(self, call: Call) -> Outcome:
        await call.skip_body(_START_BODY_LIMIT)
        await self._containers.start(call.name, call.query.text("detachKeys"))
        return _NO_CONTENT

    async def _stop(self, call: Call) -> Outcome:
        await self._containers.stop(call.name, *_stopping(call))
        return _NO_CONTENT

    async def _restart(self, call: Call) -> Outcome:
        await self._containers.restart(call.name, *_stopping(call))
        return _NO_CONTENT

    async def _kill(self, call: Call) -> Outcome:
        await self._containers.kill(call.name, call.query.text("signal"))
        return _NO_CONTENT

    async def _pause(self, call: Call) -> Outcome:
        await self._containers.pause(call.name)
        return _NO_CONTENT

    async def _unpause(self, call: Call) -> Outcome:
        await self._containers.unpause(call.name)
        return _NO_CONTENT

    async def _rename(self, call: Call) -> Outcome:
        name = call.query.text("name").removeprefix("/")
        if not name:
            raise InvalidParameter("Neither old nor new names may be empty")
        await self._containers.rename(call.name, name)
        return _NO_CONTENT

    async def _resize(self, call: Call) -> Outcome:
        await self._containers.resize(call.name, *read_size(call))
        return Reply()

    async def _remove(self, call: Call) -> Outcome:
        query = call.query
        await self._containers.remove(
            call.name, force=query.flag("force"), volumes=query.flag("v"), link=query.flag("link")
        )
        return _NO_CONTENT


def _stopping(call: Call) -> tuple[int | None, str]:
    """`t` and `signal`; the latter means nothing before API 1.42."""
    query = call.query
    signal = query.text("signal") if call.version >= (1, 42) else ""
    return query.number("t", -_INT32, _INT32), signal


def read_size(call: Call) -> tuple[int, int]:
    """`h` and `w`, both needed."""
    query = call.query
    height, width = query.number("h", 0, _UINT32), query.number("w", 0, _UINT32)
    if height is None or width is None:
        raise InvalidParameter(f"invalid value for {'h' if height is None else 'w'}: a number is needed")
    return height, width


def size_parameters() -> tuple[Parameter, Parameter]:
    """`h` and `w` for the API description."""
    return (
        Parameter("h", "Height in characters.", "integer", required=True),
        Parameter("w", "Width in characters.", "integer", required=True),
    )
