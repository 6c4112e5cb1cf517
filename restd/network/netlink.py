"""Interfaces of the host through rtnetlink(7): messages are made and read by pure functions, one socket carries them.

A few kinds of message are needed, each a handful of bytes; programs such as ip(8) would cost a process each.
Constants: linux/rtnetlink.h, linux/if_link.h, linux/netlink.h.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Self

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_IFINFO = struct.Struct("=BxHiII")
_IFADDR = struct.Struct("=BBBBI")

NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE = 0x1, 0x4, 0x200, 0x400
NLMSG_ERROR, NLMSG_DONE = 2, 3
RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR = 20
_IFF_UP = 1
_NESTED = 0x8000
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK = 1, 3, 4, 5
_IFLA_PROTINFO, _IFLA_LINKINFO = 12, 18
_IFLA_INFO_KIND, _IFLA_INFO_DATA = 1, 2
_IFLA_VLAN_ID = 1
_IFLA_BR_NF_CALL_IPTABLES, _IFLA_BR_NF_CALL_IP6TABLES = 36, 37
_IFLA_BRPORT_ISOLATED = 33
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_IFA_F_NODAD = 0x02
_BUFFER = 1 << 16
_SECONDS = 10.0


def message(kind: int, flags: int, sequence: int, payload: bytes) -> bytes:
    """A netlink message to the kernel."""
    return _HEADER.pack(_HEADER.size + len(payload), kind, flags, sequence, 0) + payload


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + b"\0" * (-len(value) % 4)


def attributes(data: bytes) -> dict[int, bytes]:
    """The attributes in `data` by their numbers; of several of a kind the last. Broken lengths end the reading."""
    found = {}
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if length < _ATTRIBUTE.size or length > len(data):
            break
        found[kind & 0x3FFF] = data[_ATTRIBUTE.size : length]
        data = data[(length + 3) & ~3 :]
    return found


def messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """The messages in a datagram: kind, sequence, payload."""
    while len(data) >= _HEADER.size:
        length, kind, _, sequence, _ = _HEADER.unpack_from(data)
        if length < _HEADER.size or length > len(data):
            break
        yield kind, sequence, data[_HEADER.size : length]
        data = data[(length + 3) & ~3 :]


def link(index: int = 0, *, up: bool = False, family: int = socket.AF_UNSPEC) -> bytes:
    """The fixed part of a link message."""
    return _IFINFO.pack(family, 0, index, _IFF_UP if up else 0, _IFF_UP if up else 0)


def new_link(name: str, kind: str, *, mtu: int = 0, mac: bytes = b"", parent: int = 0, vlan: int = 0) -> bytes:
    """The payload that makes an interface of a kind: bridge, dummy, vlan."""
    info = attribute(_IFLA_INFO_KIND, kind.encode())
    if vlan:
        info += attribute(_NESTED | _IFLA_INFO_DATA, attribute(_IFLA_VLAN_ID, struct.pack("=H", vlan)))
    payload = link() + attribute(_IFLA_IFNAME, name.encode() + b"\0")
    if mtu:
        payload += attribute(_IFLA_MTU, struct.pack("=I", mtu))
    if mac:
        payload += attribute(_IFLA_ADDRESS, mac)
    if parent:
        payload += attribute(_IFLA_LINK, struct.pack("=I", parent))
    return payload + attribute(_NESTED | _IFLA_LINKINFO, info)


def new_address(index: int, address: str, prefix: int) -> bytes:
    """The payload that gives an interface an address, in force at once (no duplicate address detection)."""
    parsed = ipaddress.ip_address(address)
    family = socket.AF_INET if parsed.version == 4 else socket.AF_INET6
    payload = _IFADDR.pack(family, prefix, _IFA_F_NODAD if parsed.version == 6 else 0, 0, index)
    return payload + attribute(_IFA_LOCAL, parsed.packed) + attribute(_IFA_ADDRESS, parsed.packed)


class Netlink:
    """A socket for requests that are answered with an acknowledgement or an error. A context manager; blocks."""

    def __init__(self, protocol: int = socket.NETLINK_ROUTE) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.settimeout(_SECONDS)
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def request(self, kind: int, flags: int, payload: bytes) -> list[tuple[int, bytes]]:
        """Send a request; what the kernel answered before its acknowledgement: kind, payload. OSError if it says no."""
        self._sequence += 1
        self._socket.send(message(kind, NLM_F_REQUEST | NLM_F_ACK | flags, self._sequence, payload))
        answers: list[tuple[int, bytes]] = []
        while True:
            for answer, sequence, data in messages(self._socket.recv(_BUFFER)):
                if sequence != self._sequence:
                    continue
                if answer == NLMSG_ERROR:
                    number = -struct.unpack_from("=i", data)[0]
                    if number:
                        raise OSError(number, os.strerror(number))
                    return answers
                answers.append((answer, data))

    def create(self, name: str, kind: str, *, mtu: int = 0, mac: bytes = b"", parent: int = 0, vlan: int = 0) -> None:
        """Make an interface; FileExistsError if there is one of that name."""
        payload = new_link(name, kind, mtu=mtu, mac=mac, parent=parent, vlan=vlan)
        self.request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, payload)

    def delete(self, index: int) -> None:
        """Remove an interface."""
        self.request(RTM_DELLINK, 0, link(index))

    def set_up(self, index: int) -> None:
        """Bring an interface up."""
        self.request(RTM_NEWLINK, 0, link(index, up=True))

    def set_mtu(self, index: int, mtu: int) -> None:
        """Set the largest packet of an interface."""
        self.request(RTM_NEWLINK, 0, link(index) + attribute(_IFLA_MTU, struct.pack("=I", mtu)))

    def add_address(self, index: int, address: str, prefix: int) -> None:
        """Give an interface an address; FileExistsError if it has it."""
        self.request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, new_address(index, address, prefix))

    def isolate(self, index: int) -> None:
        """Let a bridge's port talk to the bridge itself, and to no other port that is isolated (Linux 4.18)."""
        isolated = attribute(_NESTED | _IFLA_PROTINFO, attribute(_IFLA_BRPORT_ISOLATED, b"\1"))
        self.request(RTM_SETLINK, 0, link(index, family=socket.AF_BRIDGE) + isolated)

    def filter_bridge(self, index: int) -> None:
        """Show the packets between a bridge's ports to iptables and ip6tables."""
        data = attribute(_IFLA_BR_NF_CALL_IPTABLES, b"\1") + attribute(_IFLA_BR_NF_CALL_IP6TABLES, b"\1")
        info = attribute(_IFLA_INFO_KIND, b"bridge") + attribute(_NESTED | _IFLA_INFO_DATA, data)
        self.request(RTM_NEWLINK, 0, link(index) + attribute(_NESTED | _IFLA_LINKINFO, info))

    def kind(self, index: int) -> str:
        """The kind of an interface (`bridge`, `vlan`, …); empty for a plain one."""
        for answer, data in self.request(RTM_GETLINK, 0, link(index)):
            if answer == RTM_NEWLINK:
                info = attributes(attributes(data[_IFINFO.size :]).get(_IFLA_LINKINFO, b""))
                return info.get(_IFLA_INFO_KIND, b"").rstrip(b"\0").decode()
        return ""
