"""From what was asked of a network to what it will be: subnets, gateways, the predefined ones. No I/O.

Docker's rules: what was given is taken as it is (and shown as it is), what was left out is chosen; a chosen subnet
overlaps with no other network's and with none that the host itself reaches; one that was given only with no other
network's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import replace

from restd.config import AddressPool, Config
from restd.errors import Forbidden, InvalidParameter
from restd.lib.ids import new_id
from restd.model.network import BRIDGE, HOST, HOST_BINDING, NONE, Ipam, Network, NetworkRequest, Pool
from restd.network import options
from restd.network.addresses import reserved
from restd.network.requests import ipv4_enabled, ipv6_enabled
from restd.network.subnets import DEFAULT_CHOICES, Choice, Subnet, choose, first_address, overlaps, unique_local

_DEFAULT_IPAM = ("", "default", "host-local")
DEFAULT_MTU = 1500


def choices(pools: Sequence[AddressPool], seed: str) -> tuple[Choice, ...]:
    """Where subnets are chosen from: the configured pools, else Docker's; for IPv6 else the engine's own."""
    configured = tuple(Choice(ipaddress.ip_network(pool.base), pool.size) for pool in pools)
    if not any(choice.base.version == 4 for choice in configured):
        configured += DEFAULT_CHOICES
    if not any(choice.base.version == 6 for choice in configured):
        configured += (unique_local(seed),)
    return configured


def outline(request: NetworkRequest, template: Network | None, now: int) -> Network:
    """The network that a request means, without subnets and interface. `template` is the one of `ConfigFrom`."""
    given = request.ipam or Ipam()
    ipam = replace(given, driver=given.driver or "default")
    network = Network(
        id=new_id(),
        name=request.name,
        created=now,
        driver=request.driver or ("null" if request.config_only else "bridge"),
        internal=request.internal,
        attachable=request.attachable,
        config_only=request.config_only,
        enable_ipv4=ipv4_enabled(request),
        enable_ipv6=ipv6_enabled(request),
        ipam=ipam,
        options=dict(request.options),
        labels=dict(request.labels),
    )
    if template is None:
        return network
    return replace(
        network,
        config_from=template.name,
        enable_ipv4=template.enable_ipv4,
        enable_ipv6=template.enable_ipv6,
        ipam=template.ipam,
        options=template.options,
        labels={**template.labels, **network.labels},
    )


def with_pools(network: Network, sources: Sequence[Choice], taken: Sequence[Subnet], host: Iterable[Subnet]) -> Network:
    """The network with the subnets that will be in force. `taken` are other networks', `host` the host's own.

    Forbidden for a given one that overlaps, InvalidParameter if no more can be chosen.
    """
    if network.ipam.driver not in _DEFAULT_IPAM:
        return network
    pools: list[Pool] = []
    for version, enabled in ((4, network.enable_ipv4), (6, network.enable_ipv6)):
        if not enabled:
            continue
        given = [pool for pool in network.ipam.config if pool.ipv6 == (version == 6)]
        for pool in given:
            subnet = ipaddress.ip_network(pool.subnet)
            if any(overlaps(subnet, other) for other in taken):
                raise Forbidden("invalid pool request: Pool overlaps with other one on this address space")
        if not given:
            given = [Pool(str(choose(sources, version, [*taken, *host])))]
        pools += [_with_gateway(pool) for pool in given]
    return replace(network, pools=tuple(pools))


def _with_gateway(pool: Pool) -> Pool:
    """The gateway asked for, else the first address of the range, or the next that isn't an auxiliary one."""
    if pool.gateway:
        return pool
    subnet = ipaddress.ip_network(pool.ip_range or pool.subnet)
    candidate = first_address(subnet)
    kept = reserved(pool)
    while int(candidate) in kept and candidate in subnet:
        candidate += 1
    if candidate not in subnet:
        raise InvalidParameter(f"no address is left for a gateway in {pool.subnet}")
    return replace(pool, gateway=str(candidate))


def builtin_network(name: str, now: int) -> Network:
    """`host` or `none`."""
    return Network(new_id(), name, now, {HOST: "host", NONE: "null"}[name], ipam=Ipam())


def default_bridge(
    config: Config, interface: str, known: Network | None, sources: Sequence[Choice], taken: Iterable[Subnet], now: int
) -> Network:
    """The network `bridge` as the configuration wants it. `known` is the one from before: its subnet stays if it can.

    `taken` are the subnets of other networks and of the host, but for the bridge's own.
    """
    network = known or Network(new_id(), BRIDGE, now, "bridge")
    shown = {
        options.DEFAULT_BRIDGE: "true",
        options.ENABLE_ICC: "true" if config.icc else "false",
        options.ENABLE_MASQUERADE: "true" if config.ip_masq else "false",
        HOST_BINDING: "0.0.0.0",  # noqa: S104 - what inspect shows: ports are published on every address
        options.BRIDGE_NAME: interface,
        options.MTU: str(config.mtu or DEFAULT_MTU),
    }
    pool = _default_pool(config, known, sources, taken)
    return replace(
        network,
        options=shown,
        interface=interface,
        ipam=Ipam(config=(pool,)),
        pools=(pool,),
        enable_ipv4=True,
        enable_ipv6=False,
    )


def _default_pool(config: Config, known: Network | None, sources: Sequence[Choice], taken: Iterable[Subnet]) -> Pool:
    if config.bip:
        address = ipaddress.IPv4Interface(config.bip)
        return Pool(str(address.network), ip_range=config.fixed_cidr, gateway=str(address.ip))
    if config.fixed_cidr:
        return _with_gateway(Pool(config.fixed_cidr))
    occupied = list(taken)
    if known is not None and known.pools and not known.pools[0].ip_range:
        subnet = ipaddress.ip_network(known.pools[0].subnet)
        if not any(overlaps(subnet, other) for other in occupied):
            return known.pools[0]
    return _with_gateway(Pool(str(choose(sources, 4, occupied))))
