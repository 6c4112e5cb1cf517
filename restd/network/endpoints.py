"""What may be asked of a container's place on a network, in Docker's words when it may not. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from restd.errors import InvalidParameter, NotImplementedYet
from restd.model.network import EndpointRequest, Network

_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
_POOLED = ("bridge", "macvlan", "ipvlan", "host-device")
"""Drivers whose addresses the engine chooses itself."""
_WITHOUT_MAC = ("ipvlan", "host-device")


def check_endpoint(network: Network, request: EndpointRequest) -> None:
    """InvalidParameter with everything that is wrong; NotImplementedYet for what Docker could do."""
    problems = [*_forms(request), *_places(network, request)]
    if problems:
        text = problems[0] if len(problems) == 1 else "* " + "\n* ".join(problems)
        raise InvalidParameter(f"invalid config for network {network.name}: invalid endpoint settings:\n{text}")
    if request.link_local_ips:
        raise NotImplementedYet("IPAMConfig.LinkLocalIPs is not supported yet")
    if request.driver_opts:
        raise NotImplementedYet(f"DriverOpts {min(request.driver_opts)} is not supported yet")


def _forms(request: EndpointRequest) -> Iterator[str]:
    for text, version in ((request.ipv4_address, 4), (request.ipv6_address, 6)):
        if text and not _is_address(text, version):
            yield f"invalid IPv{version} address: {text}"
    for text in request.link_local_ips:
        if not (_is_address(text, 4) or _is_address(text, 6)):
            yield f"invalid link-local IP address: {text}"
    if request.mac_address and not _MAC.fullmatch(request.mac_address):
        yield f"invalid MAC address: {request.mac_address}"


def _is_address(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False


def _places(network: Network, request: EndpointRequest) -> Iterator[str]:
    wanted = [text for text in (request.ipv4_address, request.ipv6_address) if text]
    if network.predefined:
        if wanted:
            yield "user specified IP address is supported on user defined networks only"
        if request.aliases:
            yield "network-scoped aliases are only supported for user-defined networks"
        return
    if request.mac_address and network.driver in _WITHOUT_MAC:
        yield f"a MAC address can't be chosen on a network of driver {network.driver}"
    if network.driver in _POOLED:
        yield from _outside(network, request)


def _outside(network: Network, request: EndpointRequest) -> Iterator[str]:
    """Static addresses need a subnet that was configured, and must be in one of them."""
    for text, version in ((request.ipv4_address, 4), (request.ipv6_address, 6)):
        if not text or not _is_address(text, version):
            continue
        configured = [pool.subnet for pool in network.ipam.config if pool.subnet and pool.ipv6 == (version == 6)]
        if not configured or (version == 6 and not network.enable_ipv6):
            yield (
                "user specified IP address is supported only when connecting to networks with user configured subnets"
            )
        elif not any(ipaddress.ip_address(text) in ipaddress.ip_network(subnet) for subnet in configured):
            yield f"no configured subnet or ip-range contain the IP address {text}"
