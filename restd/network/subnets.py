"""Which subnet a network gets that asks for none, and whether two overlap. Pure.

Docker's default pools: 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/16 in steps of /20; for IPv6 subnets of /64
from a /48 of the host's own (RFC 4193).
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from restd.errors import InvalidParameter

Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_ULA_LENGTH, _SUBNET_LENGTH = 48, 64


@dataclass(frozen=True, slots=True)
class Choice:
    """A pool to choose from: `base`, cut into subnets with prefixes of `size` bits."""

    base: Subnet
    size: int


DEFAULT_CHOICES = tuple(
    Choice(ipaddress.ip_network(base), size)
    for base, size in (
        ("172.17.0.0/16", 16),
        ("172.18.0.0/16", 16),
        ("172.19.0.0/16", 16),
        ("172.20.0.0/14", 16),
        ("172.24.0.0/14", 16),
        ("172.28.0.0/14", 16),
        ("192.168.0.0/16", 20),
    )
)


def unique_local(seed: str) -> Choice:
    """The IPv6 pool of an engine: 40 bits derived from `seed`, so that two hosts hardly ever have the same."""
    digest = hashlib.sha256(seed.encode()).digest()[:5]
    base = ipaddress.IPv6Network((b"\xfd" + digest + b"\0" * 10, _ULA_LENGTH))
    return Choice(base, _SUBNET_LENGTH)


def choose(choices: Sequence[Choice], version: int, taken: Iterable[Subnet]) -> Subnet:
    """The first subnet of an IP version that overlaps with none that is taken; InvalidParameter if there is none."""
    same = [subnet for subnet in taken if subnet.version == version]
    for choice in choices:
        if choice.base.version == version:
            for subnet in _free(choice, same):
                return subnet
    raise InvalidParameter("all predefined address pools have been fully subnetted")


def _free(choice: Choice, taken: Sequence[Subnet]) -> Iterator[Subnet]:
    """The free subnets of a pool, in order. After an overlap the search goes on behind it, not one step on."""
    base, size = choice.base, choice.size
    step = 1 << (base.max_prefixlen - size)
    start, end = int(base.network_address), int(base.broadcast_address)
    while start <= end:
        subnet = _subnet(base.version, start, size)
        blocking = [other for other in taken if overlaps(other, subnet)]
        if not blocking:
            yield subnet
            start += step
            continue
        behind = max(int(other.broadcast_address) for other in blocking) + 1
        start = max(start + step, -(-behind // step) * step)


def _subnet(version: int, start: int, size: int) -> Subnet:
    return ipaddress.IPv4Network((start, size)) if version == 4 else ipaddress.IPv6Network((start, size))


def overlaps(one: Subnet, other: Subnet) -> bool:
    """Whether two subnets have an address in common."""
    if one.version != other.version:
        return False
    return int(one.network_address) <= int(other.broadcast_address) and int(other.network_address) <= int(
        one.broadcast_address
    )


def first_address(subnet: Subnet) -> Address:
    """The first address that a host may have: the gateway, unless another was asked for."""
    return subnet.network_address if subnet.prefixlen >= subnet.max_prefixlen - 1 else subnet.network_address + 1


def prefix_length(subnet: str) -> int:
    """The number behind the slash."""
    return int(subnet.rpartition("/")[2])
