"""Networks for tests of the container room: who is where, without plugins. The real ones run in the whole engine."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from restd.errors import NotFound
from restd.lib.ids import new_id
from restd.model.network import Endpoint, EndpointRequest, Network, Pool, PortMapping
from restd.network.dns import Member
from restd.network.firewall import Rule


def network(name: str, number: int, **changes: Any) -> Network:
    """A bridge network 10.NUMBER.0.0/24, or a predefined one."""
    kinds = {"host": "host", "none": "null"}
    made = Network(f"{number:02x}" * 32, name, 1, kinds.get(name, "bridge"))
    if made.driver == "bridge":
        made = replace(made, pools=(Pool(f"10.{number}.0.0/24", gateway=f"10.{number}.0.1"),), interface=f"br{number}")
    return replace(made, **changes)


class Firewall:
    """Rules by owner."""

    def __init__(self) -> None:
        self.rules: dict[str, Sequence[Rule]] = {}

    async def set(self, owner: str, rules: Sequence[Rule]) -> None:
        self.rules[owner] = rules

    async def drop(self, owner: str) -> None:
        self.rules.pop(owner, None)


class Networks:
    """`bridge`, `host`, `none`, `blue` and `red`. `fail` maps a network's name to what a join raises."""

    def __init__(self) -> None:
        made = (network("bridge", 1), network("host", 2), network("none", 3), network("blue", 4), network("red", 5))
        self.all = {one.name: one for one in made}
        self.places: list[Endpoint] = []
        self.fail: dict[str, Exception] = {}
        self.firewall = Firewall()
        self.calls: list[tuple[str, str, str]] = []
        self.gateway = "10.1.0.1"

    def get(self, ref: str) -> Network:
        for one in self.all.values():
            if ref in (one.name, one.id):
                return one
        raise NotFound(f"network {ref} not found")

    def check(self, request: EndpointRequest) -> Network:
        return self.get(request.network)

    async def join(
        self,
        container_id: str,
        netns_path: str,
        interface: str,
        request: EndpointRequest,
        ports: Sequence[PortMapping] = (),
    ) -> Endpoint:
        found = self.get(request.network)
        self.calls.append(("join", container_id, found.name))
        if found.name in self.fail:
            raise self.fail[found.name]
        place = Endpoint(
            id=new_id(),
            container_id=container_id,
            network_id=found.id,
            network_name=found.name,
            interface=interface,
            name=request.name,
            aliases=request.aliases,
            dns_names=request.dns_names,
            gw_priority=request.gw_priority,
            mac_address=request.mac_address,
        )
        if found.driver == "bridge":
            number = found.pools[0].gateway.split(".")[1]
            host = 2 + sum(other.network_id == found.id for other in self.places)
            place = replace(
                place,
                ipv4_address=request.ipv4_address or f"10.{number}.0.{host}",
                ipv4_prefix=24,
                gateway="" if found.internal else found.pools[0].gateway,
            )
        self.places.append(place)
        return place

    async def leave(self, container_id: str, netns_path: str, endpoint: Endpoint) -> None:
        self.calls.append(("leave", container_id, endpoint.network_name))
        self.places = [place for place in self.places if place.id != endpoint.id]

    def leaving(self, container_id: str) -> None:
        self.calls.append(("leaving", container_id, ""))

    def endpoints(self, container_id: str) -> Sequence[Endpoint]:
        return [place for place in self.places if place.container_id == container_id]

    def members(self, network_id: str) -> Sequence[Endpoint]:
        return [place for place in self.places if place.network_id == network_id]

    def update(self, endpoint: Endpoint) -> None:
        self.places = [endpoint if place.id == endpoint.id else place for place in self.places]

    async def collect(self, running: Collection[str]) -> None:
        self.places = [place for place in self.places if place.container_id in running]

    def host_gateway(self) -> str:
        return self.gateway


class Names:
    """A name server's tables without its program."""

    def __init__(self) -> None:
        self.tables: dict[str, list[tuple[str, Sequence[str], Sequence[str]]]] = {}
        self.applied = 0
        self.there = True

    def program(self) -> str:
        return "/bin/names" if self.there else ""

    def open(self) -> None:
        pass

    def networks(self) -> list[str]:
        return list(self.tables)

    def set(self, network: Network, members: Sequence[Member]) -> None:
        self.tables[network.name] = [
            (one.endpoint.ipv4_address, one.endpoint.dns_names, tuple(one.servers)) for one in members
        ]
        if not members:
            self.drop(network.name)

    def drop(self, network_id: str) -> None:
        self.tables.pop(network_id, None)

    async def apply(self) -> None:
        self.applied += 1

    def apply_later(self) -> None:
        self.applied += 1


class Spaces:
    """Namespaces that are names alone."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.routes: list[str] = []

    async def make(self, container_id: str) -> str:
        self.made.append(container_id)
        return f"/netns/{container_id}"

    async def set_default_route(self, container_id: str, way: Endpoint | None) -> None:
        self.routes.append(way.network_name if way else "")

    def remove(self, container_id: str) -> None:
        if container_id in self.made:
            self.made.remove(container_id)

    def found(self) -> list[str]:
        return list(self.made)
