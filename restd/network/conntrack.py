"""Flows that the kernel remembers, and must forget when a published UDP port begins or ends to lead somewhere.

The kernel decides where a flow goes by its first packet. A client that keeps sending from one port would for ever be
led to a container that is gone, or to nobody. Connections of TCP begin anew and need none of this. Source:
linux/netfilter/nfnetlink_conntrack.h; messages as in `restd.network.netlink`.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import struct
from collections.abc import Iterable, Iterator

from restd.model.network import PortMapping
from restd.network.netlink import NLMSG_DONE, NLMSG_ERROR, Netlink, attribute, attributes, message, messages
from restd.network.stamp import NETLINK_NETFILTER

_GET, _DELETE = (1 << 8) | 1, (1 << 8) | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_*
_DUMP = 0x301  # NLM_F_REQUEST, NLM_F_ROOT, NLM_F_MATCH
_NFGENMSG = struct.Struct("=BBH")
_NESTED = 0x8000
_TUPLE_ORIG, _TUPLE_REPLY, _ZONE, _FILTER = 1, 2, 18, 25
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_IP_V4_SRC, _IP_V4_DST, _IP_V6_SRC, _IP_V6_DST = 1, 2, 3, 4
_PROTO_NUM, _PROTO_SRC_PORT, _PROTO_DST_PORT = 1, 2, 3
_FILTER_ORIG_FLAGS, _FILTER_REPLY_FLAGS = 1, 2
_BY_PROTOCOL, _BY_PORT = 1 << 3, 1 << 5
"""Bits of CTA_FILTER_ORIG_FLAGS (Linux 5.8); an older kernel sends all flows, which are looked through here anyway."""
_ANY = ("", "0.0.0.0", "::")  # noqa: S104 - what a port is published on, unless told otherwise
_BUFFER = 1 << 17
_SECONDS = 10.0


def forget(mappings: Iterable[PortMapping], keep: Iterable[str] = ()) -> None:
    """Forget the UDP flows to these host ports, but for those that lead to one of the addresses in `keep`.

    Blocks; for a thread. What can't be done is not: the flows end by themselves when nobody sends for a while.
    """
    kept = frozenset(keep)
    for mapping in mappings:
        if mapping.protocol == "udp":
            with contextlib.suppress(OSError):
                _forget(mapping, kept)


def _forget(mapping: PortMapping, kept: frozenset[str]) -> None:
    family = socket.AF_INET6 if ":" in mapping.host_ip else socket.AF_INET
    with Netlink(NETLINK_NETFILTER) as netlink:
        for flow in list(_flows(family, mapping.host_port)):
            if is_meant(flow, mapping, kept):
                with contextlib.suppress(FileNotFoundError):  # it has ended by itself
                    netlink.request(_DELETE, 0, deletion(family, flow))


def _flows(family: int, port: int) -> Iterator[dict[int, bytes]]:
    """The UDP flows to a port as the kernel tells them."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER) as asking:
        asking.settimeout(_SECONDS)
        asking.send(message(_GET, _DUMP, 1, question(family, port)))
        while True:
            for kind, _, data in messages(asking.recv(_BUFFER)):
                if kind == NLMSG_DONE:
                    return
                if kind == NLMSG_ERROR:
                    number = -struct.unpack_from("=i", data)[0]
                    raise OSError(number, os.strerror(number))
                yield attributes(data[_NFGENMSG.size :])


def question(family: int, port: int) -> bytes:
    """The payload that asks for the UDP flows to a port."""
    protocol = attribute(_PROTO_NUM, bytes([socket.IPPROTO_UDP])) + attribute(_PROTO_DST_PORT, struct.pack(">H", port))
    tuples = attribute(_NESTED | _TUPLE_ORIG, attribute(_NESTED | _TUPLE_PROTO, protocol))
    flags = attribute(_FILTER_ORIG_FLAGS, struct.pack("=I", _BY_PROTOCOL | _BY_PORT))
    flags += attribute(_FILTER_REPLY_FLAGS, struct.pack("=I", 0))
    return _NFGENMSG.pack(family, 0, 0) + tuples + attribute(_NESTED | _FILTER, flags)


def deletion(family: int, flow: dict[int, bytes]) -> bytes:
    """The payload that has one flow forgotten."""
    payload = _NFGENMSG.pack(family, 0, 0) + attribute(_NESTED | _TUPLE_ORIG, flow[_TUPLE_ORIG])
    return payload + (attribute(_ZONE, flow[_ZONE]) if _ZONE in flow else b"")


def is_meant(flow: dict[int, bytes], mapping: PortMapping, kept: frozenset[str]) -> bool:
    """Whether a flow goes to the mapping's host port, and not to where it should."""
    asked, answered = attributes(flow.get(_TUPLE_ORIG, b"")), attributes(flow.get(_TUPLE_REPLY, b""))
    protocol = attributes(asked.get(_TUPLE_PROTO, b""))
    if protocol.get(_PROTO_NUM) != bytes([socket.IPPROTO_UDP]):
        return False
    if protocol.get(_PROTO_DST_PORT) != struct.pack(">H", mapping.host_port):
        return False
    to = _address(asked, _IP_V4_DST, _IP_V6_DST)
    if mapping.host_ip not in _ANY and to != str(ipaddress.ip_address(mapping.host_ip)):
        return False
    leads_to = _address(answered, _IP_V4_SRC, _IP_V6_SRC)
    port = attributes(answered.get(_TUPLE_PROTO, b"")).get(_PROTO_SRC_PORT)
    return leads_to not in kept or port != struct.pack(">H", mapping.container_port)


def _address(tuples: dict[int, bytes], four: int, six: int) -> str:
    found = attributes(tuples.get(_TUPLE_IP, b""))
    packed = found.get(four) or found.get(six) or b""
    return str(ipaddress.ip_address(packed)) if len(packed) in (4, 16) else ""
