"""A network as every room sees it, and a container's place on it: what is asked for, and what it got.

Field names are those of the Docker Engine API 1.50 where it has them; `restd.model.docker_json` gives the JSON form.
All objects are frozen: a change makes a new one by `replace`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from restd.model.docker_json import named, optional

BRIDGE, HOST, NONE = "bridge", "host", "none"
"""Names of the networks that every engine has."""
PREDEFINED = frozenset((BRIDGE, HOST, NONE))

IFACE_PREFIX = "com.docker.network.container_iface_prefix"
HOST_BINDING = "com.docker.network.bridge.host_binding_ipv4"


@dataclass(frozen=True, slots=True)
class Pool:
    """One address pool of a network (`IPAM.Config`). Addresses and subnets as text, `""` for not given."""

    subnet: str = optional("")
    ip_range: str = named("IPRange", default="", omit_empty=True)
    gateway: str = optional("")
    auxiliary_addresses: dict[str, str] | None = optional()

    @property
    def ipv6(self) -> bool:
        """Whether these are IPv6 addresses; an empty pool is one of IPv4."""
        return ":" in self.subnet


@dataclass(frozen=True, slots=True)
class Ipam:
    """Where addresses come from, as asked for. `config` may leave the choice to the engine."""

    driver: str = "default"
    options: dict[str, str] | None = None
    config: tuple[Pool, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfigReference:
    """The name of a network that only holds a configuration for others; empty for none."""

    network: str = ""


@dataclass(frozen=True, slots=True)
class NetworkRequest:
    """A `POST /networks/create` of the right form. None for a truth value that was not given."""

    name: str = ""
    driver: str = ""
    scope: str = ""
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_only: bool = False
    config_from: ConfigReference | None = None
    enable_ipv4: bool | None = named("EnableIPv4", default=None)
    enable_ipv6: bool | None = named("EnableIPv6", default=None)
    ipam: Ipam | None = named("IPAM", default=None)
    options: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def ipam_given(self) -> bool:
        """Whether anything about addresses was asked for."""
        return self.ipam is not None and bool(self.ipam.config or self.ipam.driver not in ("", "default"))


@dataclass(frozen=True, slots=True)
class Network:
    """One network. `ipam` is what was asked for (clients compare it), `pools` what is in force.

    `created` in nanoseconds. `interface` is the bridge on the host, or the parent of a macvlan or ipvlan network; empty
    for the others.
    """

    id: str
    name: str
    created: int
    driver: str
    scope: str = "local"
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_only: bool = False
    config_from: str = ""
    enable_ipv4: bool = named("EnableIPv4", default=True)
    enable_ipv6: bool = named("EnableIPv6", default=False)
    ipam: Ipam = named("IPAM", default=Ipam())
    options: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    pools: tuple[Pool, ...] = ()
    interface: str = ""
    made_interface: bool = False
    """Whether the engine made the interface, and will take it away with the network."""

    @property
    def predefined(self) -> bool:
        """Whether every engine has it: `bridge`, `host`, `none`."""
        return self.name in PREDEFINED

    @property
    def default_bridge(self) -> bool:
        """The network of containers that ask for none: no names are resolved there, no static addresses given."""
        return self.name == BRIDGE

    @property
    def resolves_names(self) -> bool:
        """Whether containers find each other by name here, through the engine's own DNS server."""
        return self.driver == "bridge" and not self.default_bridge

    @property
    def publishes_ports(self) -> bool:
        """Whether ports of containers here can be published by rules of the engine."""
        return self.driver == "bridge" and not self.internal

    @property
    def passes_ports(self) -> bool:
        """Whether ports are left to the network's own plugins."""
        return self.driver == "cni"

    @property
    def interface_prefix(self) -> str:
        """What the interface's name in a container begins with; a number follows."""
        return self.options.get(IFACE_PREFIX) or "eth"

    @property
    def host_binding(self) -> str:
        """The host address for published ports that name none; empty for the engine's default."""
        return self.options.get(HOST_BINDING, "")

    def gateways(self, *, ipv6: bool) -> tuple[str, ...]:
        """The addresses that the host has on this network, of one family: where its DNS server listens."""
        return tuple(pool.gateway for pool in self.pools if pool.ipv6 == ipv6 and pool.gateway)


@dataclass(frozen=True, slots=True)
class EndpointRequest:
    """A container's place on one network, as asked for. `network` is an id or a name.

    `name` is the container's. `dns_names` are all names under which others on the network find it (`aliases` are among
    them). Empty addresses are chosen by the engine.
    """

    network: str
    name: str = ""
    aliases: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    ipv4_address: str = ""
    ipv6_address: str = ""
    link_local_ips: tuple[str, ...] = ()
    mac_address: str = ""
    driver_opts: dict[str, str] | None = None
    gw_priority: int = 0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A container's place on one network, as it is. `id` is the endpoint's own.

    `interface` is the name in the container, `host_interface` its other end on the host (empty if there is none).
    Addresses have no prefix length, which is beside them; empty text and 0 for what there isn't. `gateway` is empty on
    a network without a way out, though the host may have an address there.
    """

    id: str
    container_id: str
    network_id: str
    network_name: str
    interface: str = ""
    host_interface: str = ""
    ipv4_address: str = ""
    ipv4_prefix: int = 0
    gateway: str = ""
    ipv6_address: str = ""
    ipv6_prefix: int = 0
    ipv6_gateway: str = ""
    mac_address: str = ""
    name: str = ""
    aliases: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    gw_priority: int = 0


@dataclass(frozen=True, slots=True)
class PortMapping:
    """A container's port on the host. `protocol` is tcp, udp or sctp; `host_ip` may be empty for all addresses."""

    container_port: int
    protocol: str
    host_ip: str
    host_port: int
