"""Interfaces that networks need on the host: made, brought up, taken away. Everything here blocks for moments.

Each function can be called again after a crash: what is there already is left as it is.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections.abc import Iterable

from restd.network.netlink import Netlink

NAME_LIMIT = 15
"""Bytes in the name of an interface (linux/if.h)."""
_BRIDGE_FILTER = "/proc/sys/net/bridge"
"""There if the kernel can show packets between a bridge's ports to iptables (the module br_netfilter is loaded)."""
_IPV4_CONF, _IPV6_CONF = "/proc/sys/net/ipv4/conf", "/proc/sys/net/ipv6/conf"


def exists(name: str) -> bool:
    """Whether there is an interface of this name in the daemon's network namespace."""
    return index_of(name) != 0


def index_of(name: str) -> int:
    """Its number, 0 if there is none."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return 0


def make_bridge(name: str, addresses: Iterable[tuple[str, int]], mtu: int, *, filtered: bool = False) -> None:
    """A bridge, up, with these addresses (address, prefix length). OSError; NotADirectoryError if it is no bridge.

    With `filtered` iptables sees the packets between its ports, if the kernel can do that. It gets a hardware address
    of its own, which would otherwise be that of one of its ports and change with them.
    """
    with Netlink() as netlink:
        made = False
        try:
            netlink.create(name, "bridge", mtu=mtu, mac=random_mac())
            made = True
        except FileExistsError:
            if netlink.kind(index_of(name)) != "bridge":
                raise NotADirectoryError(f"{name} is there and is no bridge") from None
        index = socket.if_nametoindex(name)
        try:
            _settle(name)
            for address, prefix in addresses:
                with contextlib.suppress(FileExistsError):
                    netlink.add_address(index, address, prefix)
            if filtered and filters_bridges():
                netlink.filter_bridge(index)
            netlink.set_up(index)
        except BaseException:
            if made:
                netlink.delete(index)
            raise


def filters_bridges() -> bool:
    """Whether iptables can see the packets between a bridge's ports."""
    return os.path.exists(_BRIDGE_FILTER)


def _settle(name: str) -> None:
    """What a container network's bridge must not do: take routes from router advertisements.

    Packets with loopback addresses may pass it: published ports are reachable at 127.0.0.1. The firewall drops what
    comes in for such addresses.
    """
    write_setting(f"{_IPV4_CONF}/{name}/route_localnet", "1")
    write_setting(f"{_IPV6_CONF}/{name}/accept_ra", "0")


def make_dummy(name: str) -> None:
    """An interface that leads nowhere: the parent of a macvlan or ipvlan network of this host alone."""
    _make(name, "dummy", 0, 0)


def make_vlan(name: str, parent: str, vlan: int) -> None:
    """`eth0.50`: VLAN 50 of eth0."""
    _make(name, "vlan", socket.if_nametoindex(parent), vlan)


def _make(name: str, kind: str, parent: int, vlan: int) -> None:
    with Netlink() as netlink:
        with contextlib.suppress(FileExistsError):
            netlink.create(name, kind, parent=parent, vlan=vlan)
        netlink.set_up(socket.if_nametoindex(name))


def remove(name: str) -> None:
    """Take an interface away, if it is there."""
    if index := index_of(name):
        with Netlink() as netlink, contextlib.suppress(FileNotFoundError, ProcessLookupError):
            netlink.delete(index)


def isolate(name: str) -> None:
    """Keep a bridge's port from all others that are isolated."""
    with Netlink() as netlink:
        netlink.isolate(socket.if_nametoindex(name))


def random_mac() -> bytes:
    """A hardware address of the locally administered kind."""
    first, *rest = secrets.token_bytes(6)
    return bytes([(first & 0xFC) | 0x02, *rest])


def forwarding(*, ipv6: bool) -> bool:
    """Whether the host passes packets on."""
    path = f"{_IPV6_CONF}/all/forwarding" if ipv6 else "/proc/sys/net/ipv4/ip_forward"
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip() != "0"
    except OSError:
        return False


def switch_forwarding_on(*, ipv6: bool) -> None:
    """Let the host pass packets on."""
    path = f"{_IPV6_CONF}/all/forwarding" if ipv6 else "/proc/sys/net/ipv4/ip_forward"
    with open(path, "w", encoding="ascii") as file:
        file.write("1")


def write_setting(path: str, value: str) -> None:
    """Set one of the kernel's network settings; one that this kernel doesn't have (no IPv6) is passed over."""
    if os.path.exists(path):
        with open(path, "w", encoding="ascii") as file:
            file.write(value)
