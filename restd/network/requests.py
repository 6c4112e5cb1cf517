"""What may be asked of a new network, in Docker's words when it may not. Pure.

Messages follow `api/types/network/ipam.go` and `daemon/network.go` of the Docker Engine.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from restd.errors import Forbidden, InvalidParameter, NotFound
from restd.model.network import PREDEFINED, NetworkRequest, Pool
from restd.network import options

DRIVERS = ("bridge", "cni", "host-device", "ipvlan", "macvlan")
_SINGLE = {"host": "host", "null": "null"}
_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm '
    "and try again."
)
IPAM_DRIVERS = ("", "default", "host-local", "null", "none")
_NAME_LIMIT = 255

Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network


def check_request(request: NetworkRequest) -> None:
    """Forbidden, NotFound or InvalidParameter for what can't be, before anything is looked up."""
    _check_name(request.name)
    if request.driver == "overlay" or request.scope == "swarm" or request.ingress:
        raise Forbidden(_SWARM)
    if request.scope not in ("", "local"):
        raise InvalidParameter(f"invalid scope {request.scope!r}: only networks of this host exist (local)")
    if request.driver in _SINGLE:
        raise Forbidden(f'only one instance of "{request.driver}" network is allowed')
    if request.driver and request.driver not in DRIVERS:
        raise NotFound(
            f'could not find plugin {request.driver} in v1 plugin registry: plugin "{request.driver}" not found'
        )
    _check_config_reference(request)
    ipam = request.ipam
    if ipam is not None:
        if ipam.driver not in IPAM_DRIVERS:
            raise NotFound(
                f'could not find plugin {ipam.driver} in v1 plugin registry: plugin "{ipam.driver}" not found'
            )
        if ipam.options:
            raise InvalidParameter(f"unknown IPAM option {min(ipam.options)!r}: the IPAM drivers here take none")
        check_pools(ipam.config, enable_ipv6=ipv6_enabled(request))
    if not ipv4_enabled(request) and not ipv6_enabled(request) and not request.config_only:
        raise InvalidParameter("IPv4 or IPv6 must be enabled")


def _check_name(name: str) -> None:
    if name in PREDEFINED or name == "default":
        raise Forbidden(f"operation is not permitted on predefined {name} network ")
    if not name.strip():
        raise InvalidParameter("invalid name: name is empty")
    if len(name) > _NAME_LIMIT or "/" in name or not name.isprintable() or name.startswith("container:"):
        raise InvalidParameter(f"invalid name: {name[:64]!r} can't name a network")


def _check_config_reference(request: NetworkRequest) -> None:
    if request.config_only and request.config_from is not None and request.config_from.network:
        raise Forbidden("a configuration network cannot depend on another configuration network")
    if request.config_only and (request.driver or request.internal or request.attachable):
        raise Forbidden(
            "configuration network can only contain network specific fields. Network operator fields "
            "(driver, internal, attachable, ingress) are not allowed"
        )
    if request.config_from is not None and request.config_from.network and (request.options or request.ipam_given):
        raise Forbidden(
            "user specified configurations are not supported if the network depends on a configuration network"
        )


def ipv4_enabled(request: NetworkRequest) -> bool:
    """Whether the network has IPv4: the field, else the driver option, else yes."""
    given = request.enable_ipv4
    return given if given is not None else options.flag(request.options, options.ENABLE_IPV4, True)


def ipv6_enabled(request: NetworkRequest) -> bool:
    """Whether the network has IPv6: the field, else the driver option, else no."""
    given = request.enable_ipv6
    return given if given is not None else options.flag(request.options, options.ENABLE_IPV6, False)


def check_pools(pools: Sequence[Pool], *, enable_ipv6: bool) -> None:
    """InvalidParameter with everything that is wrong with the pools that were asked for."""
    problems = [problem for pool in pools for problem in _pool_problems(pool, enable_ipv6)]
    if len(problems) == 1:
        raise InvalidParameter(f"invalid network config:\n{problems[0]}")
    if problems:
        raise InvalidParameter("invalid network config:\n* " + "\n* ".join(problems))
    subnets = [ipaddress.ip_network(pool.subnet) for pool in pools if enable_ipv6 or not pool.ipv6]
    for index, subnet in enumerate(subnets):
        for other in subnets[:index]:
            if subnet.version == other.version and subnet.overlaps(other):
                raise Forbidden("invalid pool request: Pool overlaps with other one on this address space")


def _pool_problems(pool: Pool, enable_ipv6: bool) -> Iterator[str]:
    try:
        subnet = ipaddress.ip_network(pool.subnet, strict=False)
        if "/" not in pool.subnet:
            raise ValueError
    except ValueError:
        yield f"invalid subnet {pool.subnet}: invalid CIDR block notation"
        return
    if subnet.version == 6 and not enable_ipv6:
        return
    if str(ipaddress.ip_interface(pool.subnet).ip) != str(subnet.network_address):
        yield f"invalid subnet {pool.subnet}: it should be {subnet}"
    if pool.ip_range:
        yield from _range_problems(pool.ip_range, subnet)
    if pool.gateway and (problem := _address_problem(pool.gateway, subnet)):
        yield f"invalid gateway {pool.gateway}: {problem}"
    for name, address in (pool.auxiliary_addresses or {}).items():
        if address and (problem := _address_problem(address, subnet)):
            yield f"invalid auxiliary address {name}: {problem}"


def _range_problems(text: str, subnet: Subnet) -> Iterator[str]:
    try:
        given = ipaddress.ip_interface(text)
        if "/" not in text:
            raise ValueError
    except ValueError:
        yield f"invalid ip-range {text}: invalid CIDR block notation"
        return
    if given.version != subnet.version:
        yield f"invalid ip-range {text}: parent subnet is an IPv{subnet.version} block"
        return
    if given.network.prefixlen < subnet.prefixlen:
        yield f"invalid ip-range {text}: CIDR block is bigger than its parent subnet {subnet}"
    if given.ip != given.network.network_address:
        yield f"invalid ip-range {text}: it should be {given.network}"
    if given.ip not in subnet and subnet.network_address not in given.network:
        yield f"invalid ip-range {text}: parent subnet {subnet} doesn't contain ip-range"


def _address_problem(text: str, subnet: Subnet) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "invalid address"
    if address.version != subnet.version:
        return f"parent subnet is an IPv{subnet.version} block"
    if address not in subnet:
        return f"parent subnet {subnet} doesn't contain this address"
    return ""
