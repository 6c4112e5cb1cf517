"""Which networks a container is on, in which order, and what it asks of each; pure.

Docker's order: the network of `NetworkMode` first (its interface is `eth0`), then the others by name. Names under
which others find a container: its name, its aliases, its short id, its hostname if that is another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from restd.errors import EngineError, InvalidParameter, NotFound
from restd.lib.ids import short_id
from restd.model.container import Container, Endpoint, HostConfig, IPAMConfig
from restd.model.network import HOST, NONE, PREDEFINED, EndpointRequest, Network
from restd.oci.namespaces import joined

Find = Callable[[str], Network]

SHARED_CONFLICT = (
    "container sharing network namespace with another container or host cannot be connected to any other network"
)
NONE_CONFLICT = "container cannot be connected to multiple networks with one of the networks in private (none) mode"
HOST_CONFLICT = "container cannot be disconnected from host network or connected to host network"


@dataclass(frozen=True, slots=True)
class Place:
    """A network that a container is to join, the interface it gets there, and what is asked for."""

    network: Network
    interface: str
    request: EndpointRequest


def user_defined(name: str) -> bool:
    """Whether a network is one that a user has made: names are resolved there, addresses may be chosen."""
    return name not in PREDEFINED


def own_network(host_config: HostConfig) -> bool:
    """Whether the container has a network namespace of the engine's making: neither host, none, nor another's."""
    mode = host_config.network_mode
    return mode not in (HOST, NONE, "") and not joined(mode)


def dns_names(container: Container, asked: Endpoint) -> tuple[str, ...]:
    """The names of a container on a user-defined network, without repetition."""
    names = (container.name, *(asked.aliases or ()), short_id(container.id), container.config.hostname)
    return tuple(dict.fromkeys(name for name in names if name))


def request(container: Container, name: str, asked: Endpoint) -> EndpointRequest:
    """What the network room is asked for."""
    ipam = asked.ipam_config or IPAMConfig()
    return EndpointRequest(
        network=name,
        name=container.name,
        aliases=tuple(asked.aliases or ()),
        dns_names=dns_names(container, asked) if user_defined(name) else (),
        links=tuple(asked.links or ()),
        ipv4_address=ipam.ipv4_address,
        ipv6_address=ipam.ipv6_address,
        link_local_ips=tuple(ipam.link_local_ips or ()),
        mac_address=asked.mac_address,
        driver_opts=asked.driver_opts,
        gw_priority=asked.gw_priority,
    )


def places(container: Container, find: Find) -> list[Place]:
    """What the container joins at its start. NotFound if a network is gone."""
    mode = container.host_config.network_mode
    names = sorted(container.endpoints, key=lambda name: (name != mode, name))
    made: list[Place] = []
    for name in names:
        asked = container.endpoints[name]
        network = found(find, name, asked)
        made.append(Place(network, next_interface(network, made), request(container, name, asked)))
    # Published ports go where the way out is: that network joins first, whatever its interface is called.
    return sorted(made, key=lambda place: (place.network.internal, -place.request.gw_priority, place.network.name))


def found(find: Find, name: str, asked: Endpoint) -> Network:
    """A network by the name it had when the container was connected, else by its id then."""
    try:
        return find(name)
    except EngineError:
        if not asked.network_id:
            raise
    try:
        return find(asked.network_id)
    except EngineError as error:
        raise NotFound(f"network {name} not found") from error


def next_interface(network: Network, others: list[Place]) -> str:
    """`eth0`, or the first number that no other place has."""
    return free_interface(network.interface_prefix, {place.interface for place in others})


def free_interface(prefix: str, taken: set[str]) -> str:
    """The first free interface name that begins with `prefix`."""
    return next(name for number in range(len(taken) + 1) if (name := f"{prefix}{number}") not in taken)


def asked_endpoints(
    host_config: HostConfig, given: Mapping[str, Endpoint], mac_address: str, find: Find
) -> tuple[HostConfig, dict[str, Endpoint]]:
    """The networks of a new container by name, and its `HostConfig` with the mode by its name where it was an id.

    `given` is `EndpointsConfig`: its keys are names or ids, `default` is the default network; where there are any, the
    one of `NetworkMode` is not added. A network that is not there is no error before the start. `mac_address` is the
    container-wide one, for the network of `NetworkMode`.
    """
    mode = host_config.network_mode
    if joined(mode):
        if any(name not in (mode, "default") for name in given):
            raise InvalidParameter(SHARED_CONFLICT)
        return host_config, {}
    if own_network(host_config):
        mode = name_of(find, mode)
    networks: dict[str, Endpoint] = {}
    for key, endpoint in given.items():
        name = mode if key == "default" else name_of(find, key)
        if name != mode and NONE in (name, mode):
            raise InvalidParameter(NONE_CONFLICT)
        if name != mode and HOST in (name, mode):
            raise InvalidParameter(HOST_CONFLICT)
        networks[name] = _identified(endpoint, name, find)
    if not networks or (mac_address and mode not in networks):
        networks[mode] = _identified(Endpoint(), mode, find)
    if mac_address:
        own = networks[mode]
        if own.mac_address and own.mac_address.lower() != mac_address.lower():
            raise InvalidParameter(
                "the container-wide MAC address must match the endpoint-specific MAC address for the main network, "
                "or be left empty"
            )
        networks[mode] = replace(own, mac_address=mac_address)
    if host_config.links and user_defined(mode) and mode in networks:
        own = networks[mode]
        networks[mode] = replace(own, links=tuple(dict.fromkeys((*(own.links or ()), *host_config.links))))
    return replace(host_config, network_mode=mode), networks


def name_of(find: Find, reference: str) -> str:
    """The name of a network that is there, else the reference itself."""
    try:
        return find(reference).name
    except EngineError:
        return reference


def _identified(endpoint: Endpoint, name: str, find: Find) -> Endpoint:
    try:
        return replace(endpoint, network_id=find(name).id)
    except EngineError:
        return endpoint
