"""The default routes of the calling thread's network namespace, through rtnetlink(7)."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct

from restd.network.netlink import NLM_F_CREATE, NLM_F_EXCL, Netlink, attribute

RTM_NEWROUTE, RTM_DELROUTE = 24, 25
_RTMSG = struct.Struct("=BBBBBBBBI")
_RT_TABLE_MAIN, _RTPROT_BOOT, _RTN_UNICAST = 254, 3, 1
_RTA_OIF, _RTA_GATEWAY = 4, 5
_MOST = 16


def set_default(interface: str, gateway: str, ipv6_gateway: str) -> None:
    """Have one default route for each family that has a gateway, none for the other. OSError if the kernel says no."""
    index = socket.if_nametoindex(interface) if interface else 0
    with Netlink() as netlink:
        for family, address in ((socket.AF_INET, gateway), (socket.AF_INET6, ipv6_gateway)):
            with contextlib.suppress(OSError):  # there is none left
                for _ in range(_MOST):
                    netlink.request(RTM_DELROUTE, 0, default_route(family))
            if address:
                netlink.request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, default_route(family, index, address))


def default_route(family: int, index: int = 0, gateway: str = "") -> bytes:
    """The payload for a default route; without a gateway it means any."""
    payload = _RTMSG.pack(family, 0, 0, 0, _RT_TABLE_MAIN, _RTPROT_BOOT if gateway else 0, 0, _RTN_UNICAST, 0)
    if gateway:
        payload += attribute(_RTA_GATEWAY, ipaddress.ip_address(gateway).packed)
        payload += attribute(_RTA_OIF, struct.pack("=I", index))
    return payload
