"""How a container gets onto a network and off it: address, plugins, record, events."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from restd.errors import EngineError, Forbidden, NotFound, SystemFailure
from restd.events import Events
from restd.lib.ids import new_id
from restd.lib.tasks import TaskGroup
from restd.model.network import Endpoint, EndpointRequest, Network, PortMapping
from restd.network import interfaces
from restd.network.addresses import choose_addresses, pool_of
from restd.network.cni.configuration import Attachment, ConfList
from restd.network.cni.plugins import Plugins
from restd.network.cni.result import Result
from restd.network.drivers.base import Driver
from restd.network.members import Member, Members
from restd.network.registry import Registry
from restd.network.subnets import prefix_length
from restd.network.upkeep import Upkeep

log = logging.getLogger(__name__)

_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - no address to bind: what stands for all of them
_PARALLEL = 4
"""How many left-over endpoints are taken away at a time after a crash."""


class Joiner:
    """Joins and leaves. The order for one container and network is the caller's; others don't wait for each other."""

    def __init__(
        self,
        registry: Registry,
        members: Members,
        drivers: Mapping[str, Driver],
        plugins: Plugins,
        upkeep: Upkeep,
        events: Events,
        tasks: TaskGroup,
    ) -> None:
        self._registry = registry
        self._members = members
        self._drivers = drivers
        self._plugins = plugins
        self._upkeep = upkeep
        self._events = events
        self._tasks = tasks
        self._left = asyncio.Event()
        self._collecting = asyncio.Semaphore(_PARALLEL)

    async def join(
        self,
        network: Network,
        container_id: str,
        netns: str,
        interface: str,
        request: EndpointRequest,
        ports: Sequence[PortMapping],
    ) -> Endpoint:
        """See `Networks.join`."""
        driver = self._drivers[network.driver]
        await self._finish_old(network, container_id)
        if self._members.get(network.id, container_id) is not None:
            raise Forbidden(f"endpoint with name {request.name} already exists in network {network.name}")
        if self._registry.get(network.id) is None:  # removed meanwhile
            raise NotFound(f"network {network.name} not found")
        if network.config_only:
            raise Forbidden(f"network {network.name} only holds a configuration: no container can be on it")
        chain = driver.chain(network, way_out=not self._has_way_out(container_id))
        member = self._members.put(
            self._planned(network, driver, chain, container_id, netns, interface, request, ports)
        )
        try:
            await self._upkeep.ready(network)
            if chain is not None and member.attachment is not None:
                member = await self._attach(network, driver, chain, member, request)
            else:
                member = self._members.put(replace(member, joined=True))
        except BaseException:
            self._members.drop(member.endpoint)
            self._tell()
            raise
        self._publish("connect", network, container_id)
        return member.endpoint

    def _has_way_out(self, container_id: str) -> bool:
        """Whether a network that a container is on leads out already."""
        places = [member.endpoint for member in self._members.of_container(container_id) if not member.leaving]
        return any(place.gateway or place.ipv6_gateway for place in places)

    def _planned(
        self,
        network: Network,
        driver: Driver,
        chain: ConfList | None,
        container_id: str,
        netns: str,
        interface: str,
        request: EndpointRequest,
        ports: Sequence[PortMapping],
    ) -> Member:
        """The member to be. Its addresses are taken from here on: nothing is awaited between choice and note."""
        ipv4, ipv6 = request.ipv4_address, request.ipv6_address
        if driver.pooled:
            ipv4, ipv6 = choose_addresses(network, request, self._members.addresses(network.id))
        endpoint = Endpoint(
            id=new_id(),
            container_id=container_id,
            network_id=network.id,
            network_name=network.name,
            interface=interface if chain is not None else "",
            ipv4_address=ipv4,
            ipv6_address=ipv6,
            mac_address=request.mac_address,
            name=request.name,
            aliases=request.aliases,
            dns_names=request.dns_names,
            gw_priority=request.gw_priority,
        )
        attachment = None
        if chain is not None:
            wanted = [address for address in (ipv4, ipv6) if address]
            attachment = _attachment(chain, container_id, netns, interface, wanted, request, ports)
        return Member(endpoint, chain, attachment)

    async def _attach(
        self, network: Network, driver: Driver, chain: ConfList, member: Member, request: EndpointRequest
    ) -> Member:
        """Call the plugins; what can't be finished is taken back."""
        attachment = member.attachment
        assert attachment is not None
        result = await self._plugins.add(chain, attachment)
        try:
            _check_wishes(result, request)
            endpoint = _described(network, member.endpoint, result)
            await driver.joined(network, endpoint.host_interface)
            return self._members.put(replace(member, endpoint=endpoint, result=dict(result.raw), joined=True))
        except BaseException:
            await asyncio.shield(self._take_back(chain, attachment, result.raw))
            raise

    async def _take_back(self, chain: ConfList, attachment: Attachment, result: Mapping[str, Any]) -> None:
        try:
            await self._plugins.delete(chain, attachment, result)
        except EngineError as error:
            log.warning("giving back what a failed join took: %s", error)

    async def leave(self, network: Network | None, member: Member, netns: str) -> None:
        """Call the plugins to delete, forget the member. If a plugin fails the record stays, for another attempt."""
        if not member.leaving:
            self._members.leave(member)
            member = replace(member, leaving=True)
        if member.chain is not None and member.attachment is not None:
            attachment = replace(member.attachment, netns=netns if os.path.exists(netns) else "")
            await self._plugins.delete(member.chain, attachment, member.result or None)
        self._members.drop(member.endpoint)
        self._tell()
        if network is not None and member.joined:
            self._publish("disconnect", network, member.endpoint.container_id)

    async def _finish_old(self, network: Network, container_id: str) -> None:
        """A leave that failed, or that a crash cut off, is made good before the same container joins again."""
        member = self._members.get(network.id, container_id)
        if member is not None and (member.leaving or not member.joined):
            await self.leave(network, member, member.attachment.netns if member.attachment else "")

    def collect(self, network: Network | None, member: Member) -> None:
        """Take a dead container's member away in the background."""
        self._members.leave(member)
        self._tasks.start(self._collect(network, replace(member, leaving=True)), f"collect {member.endpoint.id[:12]}")

    async def _collect(self, network: Network | None, member: Member) -> None:
        async with self._collecting:
            try:
                await self.leave(network, member, member.attachment.netns if member.attachment else "")
            except EngineError as error:
                log.warning("container %s is still on a network: %s", member.endpoint.container_id[:12], error)

    async def emptied(self, network_id: str, seconds: float) -> None:
        """Wait until nobody who is leaving a network is on it any more; `seconds` at most."""
        try:
            async with asyncio.timeout(seconds):
                while any(member.leaving for member in self._members.of_network(network_id)):
                    self._left.clear()
                    await self._left.wait()
        except TimeoutError:
            log.warning("containers were still leaving network %s after %g s", network_id[:12], seconds)

    def _tell(self) -> None:
        self._left.set()

    def _publish(self, action: str, network: Network, container_id: str) -> None:
        attributes = {"container": container_id, "name": network.name, "type": network.driver}
        self._events.publish("network", action, network.id, attributes)


def _attachment(
    chain: ConfList,
    container_id: str,
    netns: str,
    interface: str,
    wanted: Sequence[str],
    request: EndpointRequest,
    ports: Sequence[PortMapping],
) -> Attachment:
    """The parameters of the plugin calls. Wishes go by capability, else by `CNI_ARGS` as older plugins take them."""
    runtime: dict[str, Any] = {}
    arguments: list[tuple[str, str]] = []
    if wanted and chain.knows("ips"):
        runtime["ips"] = list(wanted)
    elif wanted:
        arguments.append(("IP", wanted[0]))
    if request.mac_address:
        runtime["mac"] = request.mac_address
        if not chain.knows("mac"):
            arguments.append(("MAC", request.mac_address))
    if ports:
        runtime["portMappings"] = [
            {
                "hostPort": port.host_port,
                "containerPort": port.container_port,
                "protocol": port.protocol,
                **({"hostIP": port.host_ip} if port.host_ip not in _EVERYWHERE else {}),
            }
            for port in ports
        ]
    if request.aliases:
        runtime["aliases"] = {chain.name: list(request.aliases)}
    return Attachment(container_id, netns, interface, tuple(arguments), runtime)


def _check_wishes(result: Result, request: EndpointRequest) -> None:
    """SystemFailure if the plugins gave other addresses than were asked for."""
    given = {item.address for item in result.addresses}
    for wanted in (request.ipv4_address, request.ipv6_address):
        if wanted and wanted not in given:
            raise SystemFailure(
                f"the network's plugins gave {', '.join(sorted(given)) or 'no address'} instead of {wanted}"
            )


def _described(network: Network, endpoint: Endpoint, result: Result) -> Endpoint:
    """The endpoint with what the plugins have made."""
    inside = result.inside(endpoint.interface)
    host_end = result.host_end()
    endpoint = replace(
        endpoint,
        mac_address=(inside.mac if inside is not None else "") or endpoint.mac_address,
        host_interface=host_end if interfaces.exists(host_end) else "",
    )
    for ipv6 in (False, True):
        item = result.address(ipv6=ipv6)
        if item is None:
            continue
        pool = pool_of(network, item.address)
        prefix = prefix_length(pool.subnet) if pool is not None else item.prefix
        gateway = "" if network.internal else (pool.gateway if pool is not None else item.gateway)
        if ipv6:
            endpoint = replace(endpoint, ipv6_address=item.address, ipv6_prefix=prefix, ipv6_gateway=gateway)
        else:
            endpoint = replace(endpoint, ipv4_address=item.address, ipv4_prefix=prefix, gateway=gateway)
    return endpoint
