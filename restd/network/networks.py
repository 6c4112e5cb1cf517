"""The networks of this engine: one method a verb.

References are names, ids or unique id prefixes as the client gave them. Every error is a kind from `restd.errors`.
Containers are known here by id alone; the container room says who joins and leaves, and calls `join` and `leave` in
its own order (a network namespace is there before the first join and goes after the last leave).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from restd.config import Config
from restd.errors import EngineError, Forbidden, NotFound
from restd.events import Events
from restd.filters import Filters
from restd.lib.tasks import TaskGroup
from restd.lib.times import now_ns
from restd.model.network import (
    BRIDGE,
    HOST,
    NONE,
    Endpoint,
    EndpointRequest,
    Network,
    NetworkRequest,
    PortMapping,
)
from restd.network import interfaces
from restd.network.chains import Names
from restd.network.cni.orphans import end_orphans
from restd.network.cni.plugins import Plugins
from restd.network.design import builtin_network, choices, default_bridge, outline, with_pools
from restd.network.drivers.base import Driver
from restd.network.drivers.bridge import BridgeDriver
from restd.network.drivers.builtin import BuiltinDriver
from restd.network.drivers.conflist import ConflistDriver
from restd.network.drivers.host_device import HostDeviceDriver
from restd.network.drivers.vlan import VlanDriver
from restd.network.endpoints import check_endpoint
from restd.network.firewall import Firewall
from restd.network.host_routes import host_subnets
from restd.network.joining import Joiner
from restd.network.members import Members
from restd.network.options import check_known
from restd.network.registry import Registry
from restd.network.requests import check_request
from restd.network.selection import Selection, prunable
from restd.network.store import NetworkStore
from restd.network.upkeep import Upkeep

log = logging.getLogger(__name__)

_MAIN_STATE = Config().state
_LEAVING_SECONDS = 30.0
"""How long a removal waits for containers that have ended to get off the network."""


@dataclass(frozen=True, slots=True)
class Created:
    """A new network's id, and what its maker should know."""

    id: str
    warning: str = ""


class Networks:
    """Build it, `open()` before anything else, `collect()` when it is known which containers run, `close()` at last.

    `firewall` is where the rules for published ports go too.
    """

    def __init__(self, config: Config, events: Events) -> None:
        self._config = config
        self._events = events
        tag = "" if config.state == _MAIN_STATE else hashlib.sha256(config.state.encode()).hexdigest()[:6]
        self._bridge = config.bridge or (f"isula-{tag}" if tag else "isula0")
        off = [version for version, on in ((4, config.iptables), (6, config.ip6tables)) if not on]
        self.firewall = Firewall(Names(tag), config.firewall_backend, off)
        self._leases = os.path.join(config.state, "leases")
        self._choices = choices(config.default_address_pools, config.graph + _machine_id())
        self._store = NetworkStore(config.graph)
        self._registry = registry = Registry()
        self._members = Members(config.state)
        plugins = Plugins(config.cni_bin_dir)
        self._drivers = drivers = self._make_drivers(plugins, registry)
        self._tasks = TaskGroup("networks")
        self._upkeep = Upkeep(drivers, self.firewall)
        self._joiner = Joiner(registry, self._members, drivers, plugins, self._upkeep, events, self._tasks)
        self._pruning = False

    def _make_drivers(self, plugins: Plugins, registry: Registry) -> dict[str, Driver]:
        config, builtin = self._config, BuiltinDriver()
        leases = self._leases
        return {
            "bridge": BridgeDriver(registry, plugins, self.firewall, leases, config.mtu, forward=config.ip_forward),
            "macvlan": VlanDriver("macvlan", plugins, leases, config.mtu),
            "ipvlan": VlanDriver("ipvlan", plugins, leases, config.mtu),
            "host-device": HostDeviceDriver(plugins, leases),
            "cni": ConflistDriver(plugins, config.cni_conf_dir),
            "host": builtin,
            "null": builtin,
        }

    async def open(self) -> None:
        """Read what the disk knows, make sure of the predefined networks, bring back interfaces and rules."""
        stored = await asyncio.to_thread(self._load)
        for network in stored:
            if network.driver in self._drivers:
                self._registry.settle(network)
        for name in (HOST, NONE):
            if self._registry.named(name) is None:
                await self._keep(builtin_network(name, now_ns()))
        await self._open_firewall()
        await self._open_bridge()
        await self._upkeep.raise_all(network for network in self._registry if not network.config_only)
        self._tasks.start(self._upkeep.watch(), "watch")

    def _load(self) -> list[Network]:
        end_orphans(self._config.cni_bin_dir, self._config.state)
        self._members.load()
        return self._store.load()

    async def _keep(self, network: Network) -> None:
        await asyncio.to_thread(self._store.save, network)
        self._registry.settle(network)

    async def _open_firewall(self) -> None:
        try:
            await self.firewall.open()
        except EngineError as error:
            log.warning("the host's packet filter can't be read: %s", error)
        if self.firewall.missing:
            log.warning("there will be no bridge networks: %s", self.firewall.missing)

    async def _open_bridge(self) -> None:
        """The network `bridge` as it is configured; while containers are on it, as it was."""
        known = self._registry.named(BRIDGE)
        if self._config.bridge == NONE:
            if known is not None and not self._members.of_network(known.id):
                await self._unmake(known)
            return
        if known is not None and self._members.of_network(known.id):
            return
        own = {pool.subnet for pool in known.pools} if known is not None and interfaces.exists(self._bridge) else set()
        host = [subnet for subnet in host_subnets() if str(subnet) not in own]
        others = [subnet for subnet in self._registry.subnets() if known is None or str(subnet) not in _subnets(known)]
        network = default_bridge(self._config, self._bridge, known, self._choices, [*others, *host], now_ns())
        made = known.made_interface if known is not None else not interfaces.exists(self._bridge)
        network = replace(network, made_interface=made)
        if network != known:
            if known is not None and known.pools != network.pools and known.made_interface:
                await self._drivers[known.driver].down(known)
            await self._keep(network)

    async def close(self) -> None:
        """Let go. Networks, their interfaces and rules stay as they are: containers go on."""
        await self._tasks.close()

    @property
    def drivers(self) -> Sequence[str]:
        """The drivers that there are, sorted."""
        return sorted(self._drivers)

    @property
    def problems(self) -> Sequence[str]:
        """What could not be read at the start, for people."""
        return self._store.problems

    def get(self, ref: str) -> Network:
        """The network of this full id, name or unique id prefix. NotFound, InvalidParameter if ambiguous."""
        return self._registry.find(ref)

    def list(self, filters: Filters | None = None) -> Sequence[Network]:
        """All networks that pass, oldest first."""
        if not filters:
            return tuple(self._registry)
        selection = Selection(filters, lambda network_id: bool(self.members(network_id)))
        return [network for network in self._registry if selection.passes(network)]

    async def create(self, request: NetworkRequest) -> Created:
        """Make a network; on return it survives a power cut. Errors in Docker's words."""
        check_request(request)
        self._registry.check_name(request.name)
        network = self._design(request)
        self._registry.reserve(network)
        try:
            await asyncio.to_thread(self._store.save, network)
            if not network.config_only:
                await self._drivers[network.driver].up(network)
        except BaseException:
            await asyncio.shield(self._undo(network))
            raise
        self._registry.settle(network)
        self._publish("create", network)
        return Created(network.id)

    def _design(self, request: NetworkRequest) -> Network:
        """The network to be; nothing is awaited between this and its reservation."""
        template = None
        if request.config_from is not None and request.config_from.network:
            template = self._registry.named(request.config_from.network)
            if template is None or not template.config_only:
                raise NotFound(f"configuration network {request.config_from.network!r} not found")
        network = outline(request, template, now_ns())
        if network.config_only:
            return network
        check_known(network.driver, network.options)
        driver = self._drivers[network.driver]
        if driver.pooled:
            network = with_pools(network, self._choices, self._registry.subnets(), host_subnets())
        return driver.design(network)

    async def _undo(self, network: Network) -> None:
        """Take back a creation that failed."""
        try:
            await self._unmake(network)
        except (EngineError, OSError) as error:
            log.warning("network %s was not made, but something of it is left: %s", network.name, error)
            self._registry.discard(network)

    async def _unmake(self, network: Network) -> None:
        """Interface and rules first: a crash in between leaves a network that still is one."""
        if not network.config_only:
            await self._drivers[network.driver].down(network)
        await asyncio.to_thread(self._erase, network)
        self._upkeep.forget(network)
        self._registry.discard(network)

    def _erase(self, network: Network) -> None:
        self._store.erase(network)
        shutil.rmtree(os.path.join(self._leases, network.id), ignore_errors=True)

    async def remove(self, ref: str) -> None:
        """Remove it. Forbidden if it is predefined or has a container on it."""
        network = self._registry.find(ref)
        if network.predefined:
            raise Forbidden(f"{network.name} is a pre-defined network and cannot be removed")
        await self._joiner.emptied(network.id, _LEAVING_SECONDS)
        self._check_unused(network)
        self._registry.retire(network)
        try:
            await self._unmake(network)
        except BaseException:
            self._registry.settle(network)
            raise
        if not network.config_only:
            self._publish("destroy", network)

    def _check_unused(self, network: Network) -> None:
        """Forbidden, in Docker's words, while somebody is on it or takes its configuration."""
        if self._registry.get(network.id) is None:
            raise NotFound(f"network {network.name} not found")
        members = self._members.of_network(network.id)
        if members:
            names = ", ".join(f'name:"{item.endpoint.name}" id:"{item.endpoint.id[:12]}"' for item in members)
            raise Forbidden(f"error while removing network: network {network.name} has active endpoints ({names})")
        users = [other.name for other in self._registry if other.config_from == network.name]
        if network.config_only and users:
            raise Forbidden(
                f"error while removing network: configuration network {network.name!r} is in use by {users[0]}"
            )

    async def prune(self, filters: Filters, until: int | None = None) -> Sequence[str]:
        """Remove the networks without containers that pass, made before `until` (nanoseconds); their names."""
        means = prunable(filters, until)
        removed = []
        for network in self._registry:
            if means(network) and not self._members.of_network(network.id):
                try:
                    await self.remove(network.id)
                    removed.append(network.name)
                except EngineError as error:
                    log.warning("network %s was not pruned: %s", network.name, error)
        self._events.publish("network", "prune", "", {"reclaimed": "0"})
        return removed

    def check(self, request: EndpointRequest) -> Network:
        """Whether such a place can be had, as far as can be told beforehand; the network. InvalidParameter, NotFound.

        Called when a container is created or connected: static addresses only where the subnet was configured, within
        it, and of the right form; driver options that are known.
        """
        network = self._registry.find(request.network)
        check_endpoint(network, request)
        return network

    async def join(
        self,
        container_id: str,
        netns_path: str,
        interface: str,
        request: EndpointRequest,
        ports: Sequence[PortMapping] = (),
    ) -> Endpoint:
        """Put a container on a network: plugins make `interface` in the namespace at `netns_path`. Event `connect`.

        `ports` go to the plugins of a `cni` network that know the capability `portMappings`, and nowhere else. On the
        networks `host` and `none` nothing is made, the container is only noted. What fails gives everything back.
        The address is the container's until `leave`. The first network joined that has a way out brings the default
        route. Duplicate address detection must be off in the namespace (`net.ipv6.conf.default.accept_dad`): plugins
        wait for it, a second or two.
        """
        network = self._registry.find(request.network)
        return await self._joiner.join(network, container_id, netns_path, interface, request, ports)

    async def leave(self, container_id: str, netns_path: str, endpoint: Endpoint) -> None:
        """Take it off again: plugins, address, rules. Event `disconnect`. The namespace may be gone already.

        Nothing happens if it is off already. SystemFailure if a plugin fails; the next join or start tries again.
        """
        member = self._members.get(endpoint.network_id, container_id)
        if member is not None and member.endpoint.id == endpoint.id:
            await self._joiner.leave(self._registry.get(endpoint.network_id), member, netns_path)

    def leaving(self, container_id: str) -> None:
        """The container has ended, `leave` will follow: it isn't seen on its networks any more, and who removes one of
        them waits for the `leave` instead of being told that it is in use."""
        for member in self._members.of_container(container_id):
            self._members.leave(member)

    def endpoints(self, container_id: str) -> Sequence[Endpoint]:
        """Where a container is now, in the order of joining; also right after the daemon's restart."""
        return [member.endpoint for member in self._members.of_container(container_id) if member.present]

    def members(self, network_id: str) -> Sequence[Endpoint]:
        """Who is on a network now, in the order of joining."""
        return [member.endpoint for member in self._members.of_network(network_id) if member.present]

    def update(self, endpoint: Endpoint) -> None:
        """Note a member's new names (after a rename); its id says which it is."""
        member = self._members.get(endpoint.network_id, endpoint.container_id)
        if member is not None and member.endpoint.id == endpoint.id:
            self._members.put(replace(member, endpoint=endpoint))

    async def collect(self, running: Collection[str]) -> None:
        """Take containers that don't run off all networks: a crash or a kill may have left them there.

        Called once all that run have set their rules again: those of others are taken away too.
        """
        for member in self._members.all():
            if member.endpoint.container_id not in running or not member.joined:
                self._joiner.collect(self._registry.get(member.endpoint.network_id), member)
        try:
            await self.firewall.settle()
        except EngineError as error:
            log.warning("rules of containers that are gone may be left in the packet filter: %s", error)

    def host_gateway(self) -> str:
        """The host's address as containers see it (`host-gateway`): the default bridge's; empty if there is none."""
        bridge = self._registry.named(BRIDGE)
        gateways = bridge.gateways(ipv6=False) if bridge is not None else ()
        return gateways[0] if gateways else ""

    def _publish(self, action: str, network: Network) -> None:
        self._events.publish("network", action, network.id, {"name": network.name, "type": network.driver})


def _subnets(network: Network) -> set[str]:
    return {pool.subnet for pool in network.pools}


def _machine_id() -> str:
    """machine-id(5), so that two hosts choose different IPv6 subnets; the host's name where there is none."""
    try:
        with open("/etc/machine-id", encoding="ascii") as file:
            return file.read(64).strip() or os.uname().nodename
    except (OSError, ValueError):
        return os.uname().nodename
