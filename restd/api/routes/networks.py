"""Networks: list, inspect, create, remove, prune, connect and disconnect."""

from __future__ import annotations

from restd.api.call import Call, Outcome, Reply, json_reply
from restd.api.engine import Engine
from restd.api.query import read_age
from restd.api.schemas.network import (
    connection_schema,
    disconnection_schema,
    network_schema,
    read_connection,
    read_disconnection,
    read_network,
)
from restd.api.table import Parameter, Route
from restd.api.views.networks import network_view
from restd.errors import InvalidParameter, NotFound
from restd.filters import Filters

_TRUTH = {**dict.fromkeys(("1", "t", "true"), True), **dict.fromkeys(("", "0", "f", "false"), False)}


class NetworkRoutes:
    """`/networks`."""

    def __init__(self, engine: Engine) -> None:
        self._networks = engine.networks
        self._containers = engine.containers

    def routes(self) -> list[Route]:
        """The operations of this module."""
        missing = {404: ("No such network.", "Error")}
        filters = Parameter("filters", "JSON object of filters: name, id, driver, type, scope, label, dangling.")
        return [
            Route(
                "GET", "/networks", self._list, "List networks", parameters=(filters,), answers={200: ("", ["Network"])}
            ),
            Route(
                "GET",
                "/networks/{name}",
                self._inspect,
                "Inspect a network",
                parameters=(
                    Parameter("verbose", "Changes nothing: there are no services.", "boolean"),
                    Parameter("scope", "Only networks of this scope: local."),
                ),
                answers={200: ("", "Network"), 400: ("The name is ambiguous.", "Error"), **missing},
            ),
            Route(
                "POST",
                "/networks/create",
                self._create,
                "Create a network",
                body=network_schema,
                answers={
                    201: ("Made; it survives a power cut.", "CreatedNetwork"),
                    400: ("A field is wrong.", "Error"),
                    403: ("The name is predefined, or a subnet overlaps with another network's.", "Error"),
                    404: ("There is no such driver.", "Error"),
                    409: ("There is a network of that name.", "Error"),
                    503: ("A program or plugin that the driver needs is not installed.", "Error"),
                },
            ),
            Route(
                "DELETE",
                "/networks/{name}",
                self._remove,
                "Remove a network",
                answers={204: ("", None), 403: ("It is predefined, or a container is on it.", "Error"), **missing},
            ),
            Route(
                "POST",
                "/networks/prune",
                self._prune,
                "Remove the networks that no container is on",
                parameters=(Parameter("filters", "JSON object of filters: until, label, label!."),),
                answers={200: ("", "NetworksPruned")},
            ),
            Route(
                "POST",
                "/networks/{name}/connect",
                self._connect,
                "Put a container on a network",
                body=connection_schema,
                answers={
                    200: ("", None),
                    400: ("A field is wrong.", "Error"),
                    403: ("The container is on it already, or an address is in use.", "Error"),
                    404: ("No such network or container.", "Error"),
                },
            ),
            Route(
                "POST",
                "/networks/{name}/disconnect",
                self._disconnect,
                "Take a container off a network",
                body=disconnection_schema,
                answers={200: ("", None), 404: ("No such network or container.", "Error")},
            ),
        ]

    async def _list(self, call: Call) -> Outcome:
        networks = self._networks.list(Filters.parse(call.query.text("filters")))
        full = call.version < (1, 28)
        return json_reply(
            [network_view(network, self._networks.members(network.id) if full else ()) for network in networks]
        )

    async def _inspect(self, call: Call) -> Outcome:
        verbose = call.query.text("verbose")
        if verbose.lower() not in _TRUTH:
            raise InvalidParameter(f"invalid value for verbose: {verbose}")
        network = self._networks.get(call.name)
        scope = call.query.text("scope")
        if scope and scope != network.scope:
            raise NotFound(f"network {call.name} not found")
        return json_reply(network_view(network, self._networks.members(network.id)))

    async def _create(self, call: Call) -> Outcome:
        created = await self._networks.create(read_network(await call.object(), call.version))
        return json_reply({"Id": created.id, "Warning": created.warning}, 201)

    async def _remove(self, call: Call) -> Outcome:
        await self._containers.vacated(self._networks.get(call.name).id)
        await self._networks.remove(call.name)
        return Reply(204)

    async def _prune(self, call: Call) -> Outcome:
        filters = Filters.parse(call.query.text("filters"))
        await call.skip_body()
        await self._containers.vacated("")
        removed = await self._networks.prune(filters, read_age(filters.one("until")))
        return json_reply({"NetworksDeleted": list(removed)})

    async def _connect(self, call: Call) -> Outcome:
        container, endpoint = read_connection(await call.object())
        await self._containers.connect(container, call.name, endpoint)
        return Reply(200)

    async def _disconnect(self, call: Call) -> Outcome:
        container, force = read_disconnection(await call.object())
        await self._containers.disconnect(container, call.name, force=force)
        return Reply(200)
