"""Which address a container gets on a network. Pure; Docker's order: the lowest that is free."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Sequence

from restd.errors import Forbidden, InvalidParameter, Unavailable
from restd.model.network import EndpointRequest, Network, Pool
from restd.network.subnets import Address, Subnet


def choose_addresses(network: Network, request: EndpointRequest, taken: Collection[str]) -> tuple[str, str]:
    """The IPv4 and the IPv6 address for a new endpoint, each empty where the network has no pool of its family.

    Raises Forbidden for a wanted one that is in use, Unavailable if none is left, both in Docker's words.
    """
    return (
        _choose(network, request.ipv4_address, taken, ipv6=False),
        _choose(network, request.ipv6_address, taken, ipv6=True),
    )


def _choose(network: Network, wanted: str, taken: Collection[str], *, ipv6: bool) -> str:
    pools = [pool for pool in network.pools if pool.ipv6 == ipv6]
    if wanted:
        return _wanted(pools, ipaddress.ip_address(wanted), taken)
    if not pools:
        return ""
    used = {int(ipaddress.ip_address(text)) for text in taken if (":" in text) == ipv6}
    for pool in pools:
        if (found := lowest_free(pool, used)) is not None:
            return str(found)
    version = 6 if ipv6 else 4
    raise Unavailable(
        f"no available IPv{version} addresses on this network's address pools: {network.name} ({network.id})"
    )


def _wanted(pools: Sequence[Pool], address: Address, taken: Collection[str]) -> str:
    if not any(address in ipaddress.ip_network(pool.subnet) for pool in pools):
        raise InvalidParameter(f"no configured subnet or ip-range contain the IP address {address}")
    if str(address) in taken or any(int(address) in reserved(pool) for pool in pools if _same(pool, address)):
        raise Forbidden("Address already in use")
    return str(address)


def _same(pool: Pool, address: Address) -> bool:
    return pool.ipv6 == (address.version == 6)


def lowest_free(pool: Pool, used: Collection[int]) -> Address | None:
    """The lowest address of a pool that is neither in `used` nor reserved; None if there is none."""
    subnet = ipaddress.ip_network(pool.subnet)
    within = ipaddress.ip_network(pool.ip_range) if pool.ip_range else subnet
    kept = reserved(pool)
    low = max(int(within.network_address), int(subnet.network_address))
    high = min(int(within.broadcast_address), int(subnet.broadcast_address))
    number = low
    while number <= high:
        if number not in kept and number not in used:
            return ipaddress.IPv6Address(number) if subnet.version == 6 else ipaddress.IPv4Address(number)
        number += 1
    return None


def reserved(pool: Pool) -> frozenset[int]:
    """The addresses of a pool that no container gets: its ends, the gateway, the auxiliary ones."""
    subnet = ipaddress.ip_network(pool.subnet)
    named = [pool.gateway, *(pool.auxiliary_addresses or {}).values()]
    return frozenset((*_ends(subnet), *(int(ipaddress.ip_address(text)) for text in named if text)))


def _ends(subnet: Subnet) -> Iterator[int]:
    """The network's own address and broadcast; a point-to-point link has neither (RFC 3021), IPv6 no broadcast."""
    if subnet.prefixlen < subnet.max_prefixlen - 1:
        yield int(subnet.network_address)
        if subnet.version == 4:
            yield int(subnet.broadcast_address)


def pool_of(network: Network, address: str) -> Pool | None:
    """The pool that an address is from."""
    parsed = ipaddress.ip_address(address)
    same = [pool for pool in network.pools if _same(pool, parsed)]
    return next((pool for pool in same if parsed in ipaddress.ip_network(pool.subnet)), None)
