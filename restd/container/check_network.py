"""Whether a container can have the networks, ports and names that a request asks for, in Docker's words."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from restd.container import links, places
from restd.container.network_files import HOST_GATEWAY
from restd.container.registry import Registry
from restd.errors import InvalidParameter, NotFound
from restd.model.container import Container, CreateRequest, HostConfig
from restd.model.network import EndpointRequest, Network
from restd.network.ports import exposed, wishes
from restd.oci.namespaces import joined

_UNDEFINED = "This would result in undefined behavior"
_MAC = re.compile(r"[0-9a-fA-F]{2}(?:([:-])[0-9a-fA-F]{2})(?:\1[0-9a-fA-F]{2}){4}")


def check_network_request(request: CreateRequest) -> None:
    """What contradicts itself in the request alone."""
    config, host_config = request.config, request.host_config
    mode = host_config.network_mode
    if joined(mode):
        _check_joined(request)
    if mode == "host" and host_config.links:
        raise InvalidParameter(f"conflicting options: host type networking can't be used with links. {_UNDEFINED}")
    if mode in ("none", "host") and config.mac_address:
        raise InvalidParameter("conflicting options: mac-address and the network mode")
    if config.hostname and host_config.uts_mode == "host":
        raise InvalidParameter("conflicting options: hostname and the UTS mode")
    exposed(config.exposed_ports or ())
    wishes((), host_config.port_bindings, publish_all=False)
    for mac in (config.mac_address, *(endpoint.mac_address for endpoint in request.endpoints.values())):
        if mac and not _MAC.fullmatch(mac):
            raise InvalidParameter(f"invalid MAC address: {mac}")
    for endpoint in request.endpoints.values():
        for text in endpoint.links or ():
            links.parse(text)


def _check_joined(request: CreateRequest) -> None:
    """What a container in another's network can't have of its own."""
    config, host_config = request.config, request.host_config
    publishing = host_config.port_bindings or host_config.publish_all_ports
    for value, words in (
        (config.hostname, "hostname and the network mode"),
        (host_config.links, f"container type network can't be used with links. {_UNDEFINED}"),
        (host_config.dns, "dns and the network mode"),
        (host_config.extra_hosts, "custom host-to-IP mapping and the network mode"),
        (config.mac_address, "mac-address and the network mode"),
        (publishing, "port publishing and the container type network mode"),
        (config.exposed_ports, "port exposing and the container type network mode"),
    ):
        if value:
            raise InvalidParameter(f"conflicting options: {words}")


def check_networks(container: Container, check: Callable[[EndpointRequest], Network], registry: Registry) -> None:
    """The container's places on those of its networks that are there; one that isn't is told at the start."""
    for name, asked in container.endpoints.items():
        if asked.aliases and not places.user_defined(name):
            raise InvalidParameter(
                f"invalid config for network {name}: invalid endpoint settings:\n"
                "network-scoped aliases are only supported for user-defined networks"
            )
        try:
            check(places.request(container, name, asked))
        except NotFound:
            continue
    if not places.user_defined(container.host_config.network_mode):
        links.check(container.host_config.links or (), registry)


def check_names(host_config: HostConfig) -> None:
    """Name servers and host names: they become lines of files."""
    for entry in host_config.extra_hosts or ():
        name, _, address = entry.partition(":")
        if not name or not address or len(entry.split()) != 1:
            raise InvalidParameter(f"bad format for add-host: {entry!r}")
        if address != HOST_GATEWAY:
            _check_address(address.removeprefix("[").removesuffix("]"), f"invalid IP address in add-host: {entry!r}")
    for entry in host_config.dns or ():
        _check_address(entry, f"bad nameserver address: {entry}")
    for entry in (*(host_config.dns_search or ()), *(host_config.dns_options or ())):
        if len(entry.split()) != 1:
            raise InvalidParameter(f"invalid DNS search domain or option: {entry!r}")


def _check_address(text: str, message: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError as error:
        raise InvalidParameter(message) from error


def network_warnings(host_config: HostConfig) -> list[str]:
    """What the user should know although the container is made."""
    if host_config.network_mode == "host" and (host_config.port_bindings or host_config.publish_all_ports):
        return ["Published ports are discarded when using host network mode"]
    return []
