"""Networks of driver `bridge`: a bridge on the host, the CNI bridge plugin for containers, rules of our own."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Iterator
from dataclasses import replace

from restd.errors import Forbidden, InvalidParameter, SystemFailure, Unavailable
from restd.lib.processes import ProgramTimeout, run
from restd.model.network import Network, Pool
from restd.network import interfaces
from restd.network.chains import BETWEEN, IN, INPUT, INTERNAL, OUT, POSTROUTING, PREROUTING
from restd.network.cni.configuration import ConfList
from restd.network.cni.plugins import Plugins
from restd.network.drivers.base import host_local
from restd.network.firewall import Firewall, Rule
from restd.network.options import MTU, BridgeOptions, bridge_options
from restd.network.registry import Registry

_BRIDGE_FILTER_MODULE, _MODULE_SECONDS = "br_netfilter", 10.0
_SMALLEST_IPV6_MTU = 1280
"""RFC 8200, section 5."""


class BridgeDriver:
    """`default_mtu` 0 leaves it to the kernel. `forward`: let the host pass packets on."""

    pooled = True

    def __init__(
        self, registry: Registry, plugins: Plugins, firewall: Firewall, leases: str, default_mtu: int, *, forward: bool
    ) -> None:
        self._registry = registry
        self._plugins = plugins
        self._firewall = firewall
        self._leases = leases
        self._mtu = default_mtu
        self._forward = forward

    def design(self, network: Network) -> Network:
        """The bridge's name: the one asked for, else `br-` and the beginning of the id."""
        options = bridge_options(network.options, internal=network.internal)
        if network.enable_ipv6 and 0 < options.mtu < _SMALLEST_IPV6_MTU:
            raise InvalidParameter(f"{MTU}: {options.mtu} is too small for IPv6, which needs {_SMALLEST_IPV6_MTU}")
        name = options.name or network.interface or f"br-{network.id[:12]}"
        other = self._registry.with_interface(name)
        if other is not None and other.id != network.id:
            raise Forbidden(
                f"cannot create network {network.id} ({name}): conflicts with network {other.id} ({name}): "
                "networks have same bridge name"
            )
        if self._firewall.missing:
            raise Unavailable(f"a bridge network needs the packet filter: {self._firewall.missing}")
        self._plugins.find("bridge")
        self._plugins.find("host-local")
        return replace(network, interface=name, made_interface=network.made_interface or not interfaces.exists(name))

    async def up(self, network: Network) -> None:
        """The bridge with the gateways' addresses, and the network's rules."""
        options = bridge_options(network.options, internal=network.internal)
        if not options.icc and not interfaces.filters_bridges():
            with contextlib.suppress(OSError, ProgramTimeout):  # a kernel may do without it
                await run(["modprobe", "-q", _BRIDGE_FILTER_MODULE], _MODULE_SECONDS)
        try:
            addresses, mtu = bridge_addresses(network, options), self.mtu(options)
            await asyncio.to_thread(interfaces.make_bridge, network.interface, addresses, mtu, filtered=not options.icc)
            if self._forward:
                await self._let_through(network)
        except OSError as error:
            raise SystemFailure(f"bridge {network.interface} can't be made: {error}") from error
        await self._firewall.set(owner(network), list(bridge_rules(network, options)))

    async def _let_through(self, network: Network) -> None:
        """Let the host pass packets on. If it did not before, it shall not do so for others than containers."""
        for version in {6 if pool.ipv6 else 4 for pool in network.pools}:
            if not interfaces.forwarding(ipv6=version == 6):
                interfaces.switch_forwarding_on(ipv6=version == 6)
                await self._firewall.guard(version)

    async def down(self, network: Network) -> None:
        """The rules, and the bridge if the engine made it."""
        await self._firewall.drop(owner(network))
        if network.made_interface:
            try:
                await asyncio.to_thread(interfaces.remove, network.interface)
            except OSError as error:
                raise SystemFailure(f"bridge {network.interface} can't be removed: {error.strerror}") from error

    def chain(self, network: Network, *, way_out: bool) -> ConfList:
        """The bridge plugin with host-local."""
        options = bridge_options(network.options, internal=network.internal)
        plugin = {
            "type": "bridge",
            "bridge": network.interface,
            "hairpinMode": True,
            "capabilities": {"ips": True, "mac": True},
            "ipam": host_local(network, self._leases, way_out=way_out),
        }
        if mtu := self.mtu(options):
            plugin["mtu"] = mtu
        return ConfList(network.id, (plugin,))

    def mtu(self, options: BridgeOptions) -> int:
        """The largest packet, 0 for the kernel's default."""
        return options.mtu or self._mtu

    async def joined(self, network: Network, host_interface: str) -> None:
        """With `icc` off, where the packet filter can't see what goes from port to port, isolate the container's.

        Where it can, the rules do it: they let those packets through that are for a published port.
        """
        icc = bridge_options(network.options, internal=network.internal).icc
        if host_interface and not icc and not interfaces.filters_bridges():
            try:
                await asyncio.to_thread(interfaces.isolate, host_interface)
            except OSError as error:
                raise SystemFailure(f"port {host_interface} can't be isolated: {error}") from error


def owner(network: Network) -> str:
    """Whose the network's rules are."""
    return f"network:{network.id[:12]}"


def bridge_addresses(network: Network, options: BridgeOptions) -> list[tuple[str, int]]:
    """The addresses of the bridge itself: the gateways, but for those that the options hold back."""
    return [
        (pool.gateway, ipaddress.ip_network(pool.subnet).prefixlen)
        for pool in network.pools
        if pool.gateway
        and not (options.inhibit_ipv4 and not pool.ipv6)
        and options.mode(6 if pool.ipv6 else 4) != "isolated"
    ]


def bridge_rules(network: Network, options: BridgeOptions) -> Iterator[Rule]:
    """All rules of a bridge network. Pure."""
    for ipv6 in (False, True):
        pools = [pool for pool in network.pools if pool.ipv6 == ipv6]
        if pools:
            yield from _family_rules(network, options, pools, ipv6=ipv6)


def _family_rules(network: Network, options: BridgeOptions, pools: list[Pool], *, ipv6: bool) -> Iterator[Rule]:
    bridge = network.interface

    def rule(table: str, chain: str, text: str) -> Rule:
        return Rule(table, chain, text, ipv6)

    verdict = "ACCEPT" if options.icc else "DROP"
    if network.internal:
        yield rule("filter", INTERNAL, f"-i {bridge} ! -o {bridge} -j DROP")
        yield rule("filter", INTERNAL, f"! -i {bridge} -o {bridge} -j DROP")
        yield rule("filter", IN, f"-i {bridge} -o {bridge} -j {verdict}")
    else:
        yield rule("filter", IN, f"-o {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
        yield rule("filter", IN, f"-o {bridge} -m conntrack --ctstate DNAT -j ACCEPT")
        yield rule("filter", IN, f"-i {bridge} -o {bridge} -j {verdict}")
        if options.mode(6 if ipv6 else 4) == "nat-unprotected":
            yield rule("filter", IN, f"-o {bridge} -j @BETWEEN")
            yield rule("filter", IN, f"-o {bridge} -j ACCEPT")
        else:
            yield rule("filter", IN, f"-o {bridge} -j DROP")
        yield rule("filter", BETWEEN, f"-i {bridge} -j DROP")
        yield rule("filter", OUT, f"-i {bridge} -j ACCEPT")
        for pool in pools:
            yield from _translation(network, options, pool)
    if not ipv6:
        yield rule("raw", PREROUTING, f"-i {bridge} -d 127.0.0.0/8 -j DROP")
    if network.resolves_names:
        for pool in pools:
            for protocol in ("udp", "tcp"):
                if pool.gateway:
                    yield rule("filter", INPUT, f"-i {bridge} -d {pool.gateway} -p {protocol} --dport 53 -j ACCEPT")


def _translation(network: Network, options: BridgeOptions, pool: Pool) -> Iterator[Rule]:
    bridge, ipv6 = network.interface, pool.ipv6
    if options.masquerade:
        source = options.source_ipv6 if ipv6 else options.source_ipv4
        target = f"SNAT --to-source {source}" if source else "MASQUERADE"
        yield Rule("nat", POSTROUTING, f"-s {pool.subnet} ! -o {bridge} -j {target}", ipv6)
    # A published port used from the same network: the answer has to come back through the host.
    yield Rule("nat", POSTROUTING, f"-s {pool.subnet} -o {bridge} -m conntrack --ctstate DNAT -j MASQUERADE", ipv6)
    if not ipv6:
        yield Rule("nat", POSTROUTING, f"-s 127.0.0.0/8 -o {bridge} -j MASQUERADE")
