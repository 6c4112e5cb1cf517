"""Where the host itself goes: subnets that a new network must not take. Parsers are pure.

proc_net_route: /proc/net/route, /proc/net/ipv6_route (Documentation/networking/ipv6.rst); resolv.conf(5).
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterator

Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network

_LIMIT = 8 << 20


def host_subnets(root: str = "/") -> list[Subnet]:
    """The destinations of the host's routes, but for the default ones, and its name servers."""
    found: list[Subnet] = []
    found += ipv4_routes(_text(f"{root}/proc/net/route"))
    found += ipv6_routes(_text(f"{root}/proc/net/ipv6_route"))
    found += name_servers(_text(f"{root}/etc/resolv.conf"))
    return found


def ipv4_routes(text: str) -> Iterator[Subnet]:
    """Of /proc/net/route: hexadecimal numbers in the byte order of the machine."""
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) < 8:
            continue
        try:
            destination = int(words[1], 16).to_bytes(4, sys.byteorder)
            network = ipaddress.IPv4Network((destination, int(words[7], 16).bit_count()), strict=False)
        except (ValueError, OverflowError):
            continue
        if network.prefixlen:
            yield network


def ipv6_routes(text: str) -> Iterator[Subnet]:
    """Of /proc/net/ipv6_route: destination and prefix length in hexadecimal, among others. Link-local ones don't count,
    nor do those that only refuse (of the interface `lo`)."""
    for line in text.splitlines():
        words = line.split()
        if len(words) < 10 or words[9] == "lo":
            continue
        try:
            network = ipaddress.IPv6Network((bytes.fromhex(words[0]), int(words[1], 16)), strict=False)
        except ValueError:
            continue
        if network.prefixlen and not network.is_link_local and not network.is_multicast:
            yield network


def name_servers(text: str) -> Iterator[Subnet]:
    """Of resolv.conf; loopback ones are in nobody's way."""
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            try:
                address = ipaddress.ip_address(words[1].partition("%")[0])
            except ValueError:
                continue
            if not address.is_loopback and not address.is_link_local:
                yield ipaddress.ip_network(address)


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(_LIMIT)
    except OSError:
        return ""
