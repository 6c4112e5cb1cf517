"""Networks as far as there are any: the predefined `none` and `host`."""

from __future__ import annotations

import hashlib
from typing import Any

from restd.lib.times import ZERO

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
