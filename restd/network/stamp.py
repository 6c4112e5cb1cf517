"""Has somebody changed the host's packet filter? One question to the kernel, no program.

nftables counts the changes of its rule set (NFT_MSG_GETGEN, linux/netfilter/nf_tables.h). The older tables have no such
count; there the number of rules and their size are looked at (IPT_SO_GET_INFO, linux/netfilter_ipv4/ip_tables.h).
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Callable

from restd.network.netlink import Netlink, attributes

NETLINK_NETFILTER = 12
_NFT_GETGEN = (10 << 8) | 16
_GENMSG = struct.Struct("=BBH")
_NFTA_GEN_ID = 1
_IPT_SO_GET_INFO = 64
_INFO = struct.Struct("=32sI5I5III")
_TABLES = (b"filter", b"nat", b"raw")


class Watch:
    """Tells those who keep an image of the tables when it may be out of date."""

    def __init__(self) -> None:
        self._told: list[Callable[[], None]] = []
        self._legacy: set[int] = set()
        self._last = b""

    def add(self, told: Callable[[], None], *, legacy: int = 0) -> None:
        """Call `told` after a foreign change. `legacy`: the IP version of older tables to watch, 0 for none."""
        self._told.append(told)
        if legacy:
            self._legacy.add(legacy)

    def look(self) -> None:
        """Ask the kernel."""
        now = self._now()
        if now != self._last:
            self._last = now
            self._tell()

    def note(self, commits: int) -> None:
        """We have made so many commits since the last look. If there were more, others have made them."""
        last, self._last = self._last, self._now()
        if not self._legacy and _number(self._last) != _number(last) + commits:
            self._tell()

    def _tell(self) -> None:
        for told in self._told:
            told()

    def _now(self) -> bytes:
        return generation() + b"".join(legacy_sizes(ipv6=version == 6) for version in sorted(self._legacy))


def _number(stamp: bytes) -> int:
    return int.from_bytes(stamp[:4], "big")


def generation() -> bytes:
    """The number of the nftables rule set in the daemon's network namespace; empty if it can't be had."""
    try:
        with Netlink(NETLINK_NETFILTER) as netlink:
            for _, data in netlink.request(_NFT_GETGEN, 0, _GENMSG.pack(socket.AF_UNSPEC, 0, 0)):
                return attributes(data[_GENMSG.size :]).get(_NFTA_GEN_ID, b"")
    except OSError:
        pass
    return b""


def legacy_sizes(*, ipv6: bool) -> bytes:
    """How many rules each of the older tables has, and how large they are; empty if it can't be told.

    Asking for a table makes it: only for hosts whose iptables works on these tables.
    """
    family, level = (socket.AF_INET6, socket.IPPROTO_IPV6) if ipv6 else (socket.AF_INET, socket.IPPROTO_IP)
    found = b""
    try:
        with socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_RAW) as asking:
            for table in _TABLES:
                found += _info(asking, level, table)
    except OSError:
        return b""
    return found


def _info(asking: socket.socket, level: int, table: bytes) -> bytes:
    """getsockopt(2) gives and takes the same buffer here, which Python's does not: the name would be lost."""
    buffer = ctypes.create_string_buffer(table.ljust(_INFO.size, b"\0"), _INFO.size)
    length = ctypes.c_uint32(_INFO.size)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.getsockopt(asking.fileno(), level, _IPT_SO_GET_INFO, buffer, ctypes.byref(length)):
        raise OSError(ctypes.get_errno(), "getsockopt")
    return buffer.raw[-8:]
