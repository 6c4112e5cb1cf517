"""Volumes: create, list, inspect, update, remove, prune."""

from __future__ import annotations

from restd.api.call import Call, Outcome, Reply, json_reply
from restd.api.engine import Engine
from restd.api.schemas.volume import read_volume_create, volume_create_schema
from restd.api.table import Parameter, Route
from restd.api.views.volumes import volume_view
from restd.errors import Unavailable
from restd.filters import Filters


class VolumeRoutes:
    """`/volumes`."""

    def __init__(self, engine: Engine) -> None:
        self._volumes = engine.volumes
        self._containers = engine.containers

    def routes(self) -> list[Route]:
        """The operations of this module."""
        missing = {404: ("No such volume.", "Error")}
        filters = Parameter("filters", "JSON object of filters.")
        wrong = {400: ("A filter is wrong.", "Error")}
        return [
            Route(
                "GET",
                "/volumes",
                self._list,
                "List volumes",
                description="Filters: dangling, name (a regular expression), driver, label.",
                parameters=(filters,),
                answers={200: ("By name.", "Volumes"), **wrong},
            ),
            Route(
                "POST",
                "/volumes/create",
                self._create,
                "Create a volume",
                description="One that exists is answered as it is. Without a name an anonymous one is made.",
                body=volume_create_schema,
                answers={
                    201: ("The volume.", "Volume"),
                    400: ("The name or an option can't be had.", "Error"),
                    404: ("There is no such driver.", "Error"),
                },
            ),
            Route(
                "POST",
                "/volumes/prune",
                self._prune,
                "Remove unused volumes",
                description="Anonymous ones; with the filter all=true (and before API 1.42) named ones too. "
                "Other filters: label, label!.",
                parameters=(filters,),
                answers={200: ("", "VolumesPruned"), **wrong, 409: ("A prune is under way.", "Error")},
            ),
            Route(
                "GET",
                "/volumes/{name}",
                self._inspect,
                "Inspect a volume",
                answers={200: ("", "Volume"), **missing},
            ),
            Route(
                "PUT",
                "/volumes/{name}",
                self._update,
                "Update a cluster volume",
                description="There are none: a local volume has nothing that could be changed.",
                parameters=(Parameter("version", "Of the volume.", "integer"),),
                answers={503: ("There is no swarm.", "Error")},
            ),
            Route(
                "DELETE",
                "/volumes/{name}",
                self._remove,
                "Remove a volume",
                parameters=(Parameter("force", "None there is fine.", "boolean"),),
                answers={204: ("Gone.", None), **missing, 409: ("A container has it.", "Error")},
            ),
        ]

    async def _list(self, call: Call) -> Outcome:
        filters = Filters.parse(call.query.text("filters"))
        references = self._containers.volume_references()
        volumes = self._volumes.list(filters, lambda name: references.get(name, ()))
        return json_reply({"Volumes": [volume_view(volume) for volume in volumes], "Warnings": None})

    async def _create(self, call: Call) -> Outcome:
        request = read_volume_create(await call.object(required=False))
        volume = await self._volumes.create(request.name, request.driver, request.driver_opts, request.labels)
        return json_reply(volume_view(volume), 201)

    async def _prune(self, call: Call) -> Outcome:
        await call.skip_body()
        filters = Filters.parse(call.query.text("filters"))
        everything = call.version < (1, 42)
        removed, reclaimed = await self._volumes.prune(filters, self._containers.volume_users, everything=everything)
        return json_reply({"VolumesDeleted": list(removed), "SpaceReclaimed": reclaimed})

    async def _inspect(self, call: Call) -> Outcome:
        return json_reply(volume_view(self._volumes.get(call.name)))

    async def _update(self, call: Call) -> Outcome:
        await call.skip_body()
        raise Unavailable("volume update only valid for cluster volumes, but swarm is unavailable")

    async def _remove(self, call: Call) -> Outcome:
        await self._volumes.remove(call.name, self._containers.volume_users, force=call.query.flag("force"))
        return Reply(204)
