"""What daemon.json may change while the daemon runs: everything but this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from restd.config import Config

_NETWORK = "the networks of running containers were set up with it"

FIXED: Mapping[str, str] = {
    "graph": "images and containers are in that folder",
    "state": "the shims of running containers and the daemon's lock are in that folder",
    "hosts": "the master holds these sockets from its start to its end",
    "pidfile": "others look for the running daemon there",
    **dict.fromkeys(
        "bridge bip fixed_cidr mtu icc ip_masq ip_forward iptables ip6tables firewall_backend".split(), _NETWORK
    ),
}
"""Settings that keep the value the daemon was started with, and why; the reason goes into the log."""


def fixed(config: Config) -> dict[str, Any]:
    """The values that stay, in a form that is the same in every version: what JSON has."""
    values = {name: getattr(config, name) for name in FIXED}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def keep_fixed(fresh: Config, kept: Mapping[str, Any]) -> tuple[Config, list[str]]:
    """`fresh` with the values of `kept` where it must not differ from them, and a sentence for each difference."""
    now = fixed(fresh)
    changes: dict[str, Any] = {}
    refusals = []
    for name, value in kept.items():
        if name in FIXED and now[name] != value:
            changes[name] = tuple(value) if isinstance(value, list) else value
            key, reason = name.replace("_", "-"), FIXED[name]
            refusals.append(f"{key} stays {_text(value)} instead of {_text(now[name])} until a restart: {reason}")
    return replace(fresh, **changes), refusals


def _text(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else repr(value)
