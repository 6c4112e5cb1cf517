"""A container's networks, addresses and ports as `inspect` and `list` show them.

While nothing runs the networks are those that the container will join, without addresses.
"""

from __future__ import annotations

from typing import Any

from restd.api.versions import Version
from restd.container.publishing import open_ports
from restd.lib.ids import short_id
from restd.model import network
from restd.model.container import Container, Endpoint
from restd.model.docker_json import to_docker
from restd.model.network import BRIDGE, PREDEFINED, PortMapping

_NOWHERE = network.Endpoint(id="", container_id="", network_id="", network_name="")


def container_networks(container: Container, version: Version) -> dict[str, Any]:
    """`NetworkSettings.Networks`: nothing for a container in another's network namespace."""
    return {
        name: _endpoint_view(container, name, asked, container.sandbox.endpoint(name) or _NOWHERE, version)
        for name, asked in container.endpoints.items()
    }


def _endpoint_view(
    container: Container, name: str, asked: Endpoint, place: network.Endpoint, version: Version
) -> dict[str, Any]:
    aliases, names = asked.aliases, list(place.dns_names) or None
    if name not in PREDEFINED and version < (1, 45):
        # Clients of then look for the short id to see whether the container is connected as they want it.
        own = (
            *(aliases or ()),
            short_id(container.id),
            *([container.config.hostname] if container.config.hostname else ()),
        )
        aliases = tuple(dict.fromkeys(own))
    view = {
        "IPAMConfig": to_docker(asked.ipam_config),
        "Links": to_docker(asked.links),
        "Aliases": to_docker(aliases),
        "MacAddress": place.mac_address or (asked.mac_address if not container.state.running else ""),
        "DriverOpts": asked.driver_opts,
        "GwPriority": asked.gw_priority,
        "NetworkID": place.network_id or asked.network_id,
        "EndpointID": place.id,
        "Gateway": place.gateway,
        "IPAddress": place.ipv4_address,
        "IPPrefixLen": place.ipv4_prefix,
        "IPv6Gateway": place.ipv6_gateway,
        "GlobalIPv6Address": place.ipv6_address,
        "GlobalIPv6PrefixLen": place.ipv6_prefix,
        "DNSNames": names,
    }
    if version < (1, 48):
        del view["GwPriority"]
    if version < (1, 44):
        del view["DNSNames"]
    return view


def settings_view(container: Container, version: Version) -> dict[str, Any]:
    """`NetworkSettings` of inspect. The addresses beside `Networks` are those on the default bridge."""
    sandbox = container.sandbox
    place = sandbox.endpoint(BRIDGE) or _NOWHERE
    return {
        "Bridge": "",
        "SandboxID": sandbox.id,
        "SandboxKey": sandbox_key(container),
        "Ports": port_bindings(container),
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        "EndpointID": place.id,
        "Gateway": place.gateway,
        "GlobalIPv6Address": place.ipv6_address,
        "GlobalIPv6PrefixLen": place.ipv6_prefix,
        "IPAddress": place.ipv4_address,
        "IPPrefixLen": place.ipv4_prefix,
        "IPv6Gateway": place.ipv6_gateway,
        "MacAddress": place.mac_address,
        "Networks": container_networks(container, version),
    }


def sandbox_key(container: Container) -> str:
    """The file of the network namespace; where the engine has made none, the one of the process."""
    if container.sandbox.key or not container.state.pid or not container.sandbox.id:
        return container.sandbox.key
    return f"/proc/{container.state.pid}/ns/net"


def _by_port(container: Container) -> dict[tuple[int, str], list[PortMapping]]:
    found: dict[tuple[int, str], list[PortMapping]] = {}
    for mapping in container.sandbox.ports:
        found.setdefault((mapping.container_port, mapping.protocol), []).append(mapping)
    return found


def port_bindings(container: Container) -> dict[str, list[dict[str, str]] | None]:
    """`Ports` of inspect: where each port is on the host, null for one that is only exposed."""
    published = _by_port(container)
    return {
        f"{port}/{protocol}": [
            {"HostIp": mapping.host_ip, "HostPort": str(mapping.host_port)} for mapping in published[port, protocol]
        ]
        if (port, protocol) in published
        else None
        for port, protocol in open_ports(container)
    }


def port_rows(container: Container) -> list[dict[str, Any]]:
    """`Ports` of the list: a row for each place on the host, one without a place for a port that is only exposed."""
    published = _by_port(container)
    rows: list[dict[str, Any]] = []
    for port, protocol in open_ports(container):
        rows += [
            {"IP": mapping.host_ip, "PrivatePort": port, "PublicPort": mapping.host_port, "Type": protocol}
            for mapping in published.get((port, protocol), ())
        ] or [{"PrivatePort": port, "Type": protocol}]
    return rows
