"""Networks as far as there are any: the predefined `none` and `host`, and a container's place on them."""

from __future__ import annotations

import hashlib
from typing import Any

from restd.api.versions import Version
from restd.lib.times import ZERO
from restd.model.container import Container, Endpoint
from restd.model.docker_json import to_docker

PREDEFINED = {"host": "host", "none": "null"}
"""Name -> driver."""


def network_id(name: str) -> str:
    """The id of a predefined network: the same on every engine, so it needs no storing."""
    return hashlib.sha256(f"predefined network {name}".encode()).hexdigest()


def network_view(name: str) -> dict[str, Any]:
    """One network of the list."""
    return {
        "Name": name,
        "Id": network_id(name),
        "Created": ZERO,
        "Scope": "local",
        "Driver": PREDEFINED[name],
        "EnableIPv4": True,
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": None, "Config": []},
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {},
        "Options": {},
        "Labels": {},
    }


def container_networks(container: Container, version: Version) -> dict[str, Any]:
    """`NetworkSettings.Networks`: nothing for a container in another's network namespace."""
    mode = container.host_config.network_mode
    if mode.startswith("container:"):
        return {}
    asked = container.endpoints or ({mode: Endpoint()} if mode else {})
    return {name: _endpoint_view(name, endpoint, version) for name, endpoint in asked.items()}


def _endpoint_view(name: str, endpoint: Endpoint, version: Version) -> dict[str, Any]:
    view = {
        "IPAMConfig": to_docker(endpoint.ipam_config),
        "Links": to_docker(endpoint.links),
        "Aliases": to_docker(endpoint.aliases),
        "MacAddress": endpoint.mac_address,
        "DriverOpts": endpoint.driver_opts,
        "GwPriority": endpoint.gw_priority,
        "NetworkID": network_id(name) if name in PREDEFINED else endpoint.network_id,
        "EndpointID": "",
        "Gateway": "",
        "IPAddress": "",
        "IPPrefixLen": 0,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "DNSNames": None,
    }
    if version < (1, 48):
        del view["GwPriority"]
    if version < (1, 44):
        del view["DNSNames"]
    return view


def settings_view(container: Container, version: Version) -> dict[str, Any]:
    """`NetworkSettings` of inspect. The values for a default bridge are empty: there is none."""
    return {
        "Bridge": "",
        "SandboxID": "",
        "SandboxKey": "",
        "Ports": {},
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        "EndpointID": "",
        "Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "IPAddress": "",
        "IPPrefixLen": 0,
        "IPv6Gateway": "",
        "MacAddress": "",
        "Networks": container_networks(container, version),
    }
