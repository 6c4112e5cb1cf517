"""Networks as list and inspect show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from restd.lib.times import to_rfc3339
from restd.model.docker_json import to_docker
from restd.model.network import Endpoint, Network, Pool


def network_view(network: Network, members: Sequence[Endpoint]) -> dict[str, Any]:
    """One network; `members` are the containers on it."""
    return {
        "Name": network.name,
        "Id": network.id,
        "Created": to_rfc3339(network.created),
        "Scope": network.scope,
        "Driver": network.driver,
        "EnableIPv4": network.enable_ipv4,
        "EnableIPv6": network.enable_ipv6,
        "IPAM": {
            "Driver": network.ipam.driver,
            "Options": network.ipam.options,
            "Config": [to_docker(pool) for pool in shown_pools(network)],
        },
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Ingress": network.ingress,
        "ConfigFrom": {"Network": network.config_from},
        "ConfigOnly": network.config_only,
        "Containers": {member.container_id: member_view(member) for member in members},
        "Options": network.options,
        "Labels": network.labels,
    }


def shown_pools(network: Network) -> list[Pool]:
    """What was asked for, as it was asked for; of a family that was left to the engine, what it chose."""
    shown: list[Pool] = []
    for ipv6 in (False, True):
        asked = [pool for pool in network.ipam.config if pool.ipv6 == ipv6]
        chosen = [Pool(pool.subnet, gateway=pool.gateway) for pool in network.pools if pool.ipv6 == ipv6]
        shown += asked or chosen
    return shown


def member_view(member: Endpoint) -> dict[str, str]:
    """A container on a network."""
    return {
        "Name": member.name,
        "EndpointID": member.id,
        "MacAddress": member.mac_address,
        "IPv4Address": f"{member.ipv4_address}/{member.ipv4_prefix}" if member.ipv4_address else "",
        "IPv6Address": f"{member.ipv6_address}/{member.ipv6_prefix}" if member.ipv6_address else "",
    }
