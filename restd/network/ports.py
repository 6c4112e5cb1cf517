"""Ports of containers on the host: what is asked for, and which host ports are taken.

A taken port is held by a bound socket that does not listen: another program's listen fails, and one that is there
already is found; without a rule in the firewall a client is refused, not left waiting. Sources: Docker Engine API
(`PortBindings`, `PublishAllPorts`), moby libnetwork/portallocator, ip(7), ip_local_port_range in ip-sysctl.rst.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import re
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from restd.errors import InvalidParameter, SystemFailure
from restd.model.container import PortBinding
from restd.model.network import PortMapping

PROTOCOLS = ("tcp", "udp", "sctp")
ANY4, ANY6 = "0.0.0.0", "::"  # noqa: S104 - what Docker publishes on, unless told otherwise
_PORT = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?(?:/([a-zA-Z]{1,8}))?")
_EPHEMERAL = "/proc/sys/net/ipv4/ip_local_port_range"
_IPPROTO_SCTP = 132


@dataclass(frozen=True, slots=True)
class Wish:
    """A container port that is to appear on the host, at `host_ip` (empty: everywhere), on a port of `low` to `high`.

    Both 0: any free port.
    """

    container_port: int
    protocol: str
    host_ip: str = ""
    low: int = 0
    high: int = 0


def exposed(ports: Iterable[str]) -> list[tuple[int, str]]:
    """Keys of `ExposedPorts` (`80/tcp`, `53/udp`, `80`, `8000-8010/tcp`) one by one, sorted as Docker does."""
    found = {(port, protocol) for key in ports for port, protocol in _each(key)}
    return sorted(found)


def wishes(
    open_ports: Iterable[str], bindings: Mapping[str, Sequence[PortBinding] | None], *, publish_all: bool
) -> list[Wish]:
    """What is to be published. InvalidParameter for what is no port, address or range.

    An empty list of bindings asks for one free port, as does an exposed port with `publish_all`. A range of container
    ports is paired with a host range of the same length; a single one takes a free port out of its host range.
    """
    wanted = []
    for key, given in bindings.items():
        inside = list(_each(key))
        for binding in given or (PortBinding(),):
            low, high = _host_range(binding.host_port)
            _check_address(binding.host_ip)
            paired = len(inside) > 1 and high - low + 1 == len(inside)
            for at, (port, protocol) in enumerate(inside):
                first, last = (low + at, low + at) if paired else (low, high)
                wanted.append(Wish(port, protocol, binding.host_ip, first, last))
    if publish_all:
        named = {(wish.container_port, wish.protocol) for wish in wanted}
        wanted += [Wish(port, protocol) for port, protocol in exposed(open_ports) if (port, protocol) not in named]
    return sorted(wanted, key=lambda wish: (wish.container_port, wish.protocol))


def _each(key: str) -> Iterator[tuple[int, str]]:
    match = _PORT.fullmatch(key)
    protocol = ((match[3] if match else None) or "tcp").lower()
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if match is None or not 0 < low <= high <= 65535:
        raise InvalidParameter(f'invalid port specification: "{key}"')
    if protocol not in PROTOCOLS:
        raise InvalidParameter(f"invalid proto: {protocol}")
    return ((port, protocol) for port in range(low, high + 1))


def _host_range(text: str) -> tuple[int, int]:
    if text in ("", "0"):
        return 0, 0
    match = _PORT.fullmatch(text.partition("/")[0])
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if match is None or not 0 < low <= high <= 65535:
        raise InvalidParameter(f'invalid port specification: "{text}"')
    return low, high


def _check_address(text: str) -> None:
    if text:
        try:
            ipaddress.ip_address(text)
        except ValueError as error:
            raise InvalidParameter(f"invalid IP address in a port binding: {text}") from error


class Ports:
    """The host ports in use by containers, by owner (a container's id). Texts of failures are Docker's."""

    def __init__(self, ephemeral: tuple[int, int] | None = None) -> None:
        self._ephemeral = ephemeral
        self._next = 0
        self._taken: dict[tuple[str, int], dict[str, str]] = {}
        """(protocol, port) -> address -> owner."""
        self._sockets: dict[str, list[socket.socket]] = {}

    def reserve(self, owner: str, wanted: Sequence[Wish], *, ipv4: bool, ipv6: bool) -> list[PortMapping]:
        """Take a host port for each wish, on the families that the container has. SystemFailure: then nothing is taken.

        A wish for all addresses has the same port on both families.
        """
        mappings: list[PortMapping] = []
        try:
            for wish in wanted:
                addresses = _addresses(wish.host_ip, ipv4=ipv4, ipv6=ipv6)
                if addresses:
                    port = self._take(owner, wish, addresses)
                    mappings += [
                        PortMapping(wish.container_port, wish.protocol, address, port) for address in addresses
                    ]
        except BaseException:
            self.release(owner)
            raise
        return mappings

    def hold(self, owner: str, mappings: Iterable[PortMapping]) -> list[str]:
        """Take the ports of a container that runs already, after a restart of the daemon; what could not be held.

        They are the owner's in any case: its rules are in force.
        """
        problems = []
        for mapping in mappings:
            self._taken.setdefault((mapping.protocol, mapping.host_port), {})[mapping.host_ip] = owner
            try:
                self._bind(owner, mapping.protocol, mapping.host_ip, mapping.host_port)
            except OSError as error:
                where = _shown(mapping.host_ip, mapping.host_port)
                problems.append(f"{where}/{mapping.protocol}: {os.strerror(error.errno or 0).lower()}")
        return problems

    def release(self, owner: str) -> None:
        """Give all ports of a container back."""
        for held in self._sockets.pop(owner, ()):
            held.close()
        for key in [key for key, users in self._taken.items() if owner in users.values()]:
            users = {address: user for address, user in self._taken[key].items() if user != owner}
            if users:
                self._taken[key] = users
            else:
                del self._taken[key]

    def close(self) -> None:
        """Let go of all sockets; the rules stay."""
        for owner in list(self._sockets):
            self.release(owner)

    def _take(self, owner: str, wish: Wish, addresses: Sequence[str]) -> int:
        if wish.low == wish.high and wish.low:
            self._claim(owner, wish, addresses, wish.low)
            return wish.low
        candidates = range(wish.low, wish.high + 1) if wish.low else self._ephemeral_ports()
        for port in candidates:
            with contextlib.suppress(_PortTaken):
                self._claim(owner, wish, addresses, port)
                if not wish.low:
                    self._next = port + 1
                return port
        where = f"{_shown(addresses[0], wish.low)}-{wish.high}" if wish.low else addresses[0]
        raise SystemFailure(f"Bind for {where} failed: all ports are allocated")

    def _claim(self, owner: str, wish: Wish, addresses: Sequence[str], port: int) -> None:
        users = self._taken.get((wish.protocol, port), {})
        for address in addresses:
            if any(_overlap(address, other) for other in users):
                raise _PortTaken(f"Bind for {_shown(address, port)} failed: port is already allocated")
        before = len(self._sockets.get(owner, ()))
        try:
            for address in addresses:
                self._bind(owner, wish.protocol, address, port)
        except OSError as error:
            for held in self._sockets.get(owner, [])[before:]:
                held.close()
            del self._sockets.get(owner, [])[before:]
            reason = os.strerror(error.errno).lower() if error.errno else str(error)
            text = (
                f"failed to bind host port for {_shown(address, port)}:{wish.container_port}/{wish.protocol}: {reason}"
            )
            raise (_PortTaken if error.errno == errno.EADDRINUSE else SystemFailure)(text) from error
        self._taken.setdefault((wish.protocol, port), {}).update(dict.fromkeys(addresses, owner))

    def _ephemeral_ports(self) -> Iterator[int]:
        """Each port of the host's range once, going on where the last one was found."""
        low, high = self._ephemeral or _local_port_range()
        start = self._next if low <= self._next <= high else low
        yield from range(start, high + 1)
        yield from range(low, start)

    def _bind(self, owner: str, protocol: str, address: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
        try:
            one = socket.socket(family, kind | socket.SOCK_CLOEXEC, _IPPROTO_SCTP if protocol == "sctp" else 0)
        except OSError as error:
            if protocol == "sctp" and error.errno in (errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT):
                return  # the kernel has no SCTP of its own, so nobody can be there
            raise
        try:
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if protocol == "tcp":
                _bind_tcp(one, address, port)
            else:
                one.bind((address, port))
        except BaseException:
            one.close()
            raise
        self._sockets.setdefault(owner, []).append(one)


class _PortTaken(SystemFailure):
    """Somebody has the port."""


def _bind_tcp(one: socket.socket, address: str, port: int) -> None:
    """Bind past connections that are on their way out (SO_REUSEADDR), but past nobody who has bound or listens.

    The kernel compares in full only on listen(2); shutdown(2) ends the listening and keeps the port.
    """
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((address, port))
    one.listen(1)
    one.shutdown(socket.SHUT_RDWR)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)


def _addresses(host_ip: str, *, ipv4: bool, ipv6: bool) -> list[str]:
    """The host addresses of one wish."""
    if not host_ip:
        return [ANY4] * ipv4 + [ANY6] * ipv6
    text = str(ipaddress.ip_address(host_ip))
    return [text] if (ipv6 if ":" in text else ipv4) else []


def _overlap(one: str, other: str) -> bool:
    if (":" in one) != (":" in other):
        return False
    return one == other or ANY4 in (one, other) or ANY6 in (one, other)


def _shown(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _local_port_range() -> tuple[int, int]:
    try:
        with open(_EPHEMERAL, encoding="ascii") as file:
            low, high = file.read(64).split()
        return int(low), int(high)
    except (OSError, ValueError):
        return 49153, 60999
