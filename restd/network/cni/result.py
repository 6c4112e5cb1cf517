"""What a plugin answers: results of every version in one form, and errors. Pure.

Sections 5 of the specifications 1.0.0, 0.4.0, 0.3.1 and 0.2.0.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TRY_AGAIN = 11
"""The error code for "try again later"."""

_CODES = {
    1: "incompatible CNI version",
    2: "unsupported field in the network configuration",
    3: "container unknown or does not exist",
    4: "invalid environment variables",
    5: "I/O failure",
    6: "failed to decode content",
    7: "invalid network config",
    TRY_AGAIN: "try again later",
}


class BadResult(ValueError):
    """A plugin's output is not what the specification says."""


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface that the plugins made. `sandbox` is empty for one on the host."""

    name: str
    mac: str = ""
    sandbox: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """An address in the container: `address` and `prefix`, its `gateway` or an empty text, the interface's index."""

    address: str
    prefix: int
    gateway: str = ""
    interface: int | None = None

    @property
    def ipv6(self) -> bool:
        """Whether it is one of IPv6."""
        return ":" in self.address


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a chain. `raw` is the object as it came, for the next plugin and for DEL."""

    interfaces: tuple[Interface, ...]
    addresses: tuple[Address, ...]
    raw: Mapping[str, Any]
    gateways: tuple[str, ...] = ()
    """Next hops of default routes."""

    def inside(self, name: str) -> Interface | None:
        """The interface of this name in the container."""
        return next((item for item in self.interfaces if item.sandbox and item.name == name), None)

    def host_end(self) -> str:
        """The interface on the host that belongs to this container alone: made last, after the bridge; or empty."""
        outside = [item.name for item in self.interfaces if not item.sandbox]
        veths = [name for name in outside if name.startswith("veth")]
        return (veths or [""])[-1]

    def address(self, *, ipv6: bool) -> Address | None:
        """The first address of a family."""
        return next((item for item in self.addresses if item.ipv6 == ipv6), None)


@dataclass(frozen=True, slots=True)
class Failure:
    """A plugin's error object (section 5, "Error")."""

    code: int
    message: str
    details: str = ""

    def __str__(self) -> str:
        text = self.message or _CODES.get(self.code, f"error code {self.code}")
        if self.details and self.details not in text:
            text += f"; {self.details}"
        return text


def parse_result(data: bytes) -> Result:
    """The result on a plugin's standard output; nothing at all is an empty one. BadResult if it is none."""
    value = _object(data)
    interfaces = tuple(
        Interface(_text(item, "name"), _text(item, "mac"), _text(item, "sandbox"))
        for item in _list(value, "interfaces")
    )
    old = [value[key] for key in ("ip4", "ip6") if isinstance(value.get(key), dict)]  # 0.2.0 and before
    entries = [*_list(value, "ips"), *({**item, "address": item.get("ip")} for item in old)]
    addresses = [_address(item) for item in entries]
    routes = [*_list(value, "routes"), *(route for item in old for route in _list(item, "routes"))]
    gateways = [_text(route, "gw") for route in routes if _text(route, "dst") in ("0.0.0.0/0", "::/0")]
    return Result(interfaces, tuple(addresses), value, tuple(filter(None, gateways)))


def parse_failure(stdout: bytes, stderr: bytes) -> Failure:
    """The error of a plugin that failed, from whatever it wrote."""
    try:
        value = json.loads(stdout)
        if isinstance(value, dict) and ("msg" in value or "code" in value):
            code = value.get("code")
            return Failure(code if isinstance(code, int) else 0, _text(value, "msg"), _text(value, "details"))
    except (ValueError, RecursionError, BadResult):
        pass
    text = (stderr.strip() or stdout.strip()).decode(errors="replace")
    return Failure(0, text[-1000:] or "it failed without a word")


def parse_versions(data: bytes) -> tuple[str, ...]:
    """`supportedVersions` of a VERSION answer; BadResult if there are none."""
    versions = _object(data).get("supportedVersions")
    if not isinstance(versions, list) or not all(isinstance(item, str) for item in versions):
        raise BadResult("supportedVersions is missing")
    return tuple(versions)


def _object(data: bytes) -> dict[str, Any]:
    if not data.strip():
        return {}
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadResult(f"its answer is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadResult("its answer is not a JSON object")
    return value


def _list(value: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    entries = value.get(key) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadResult(f"{key} in its answer is not a list of objects")
    return entries


def _text(value: Mapping[str, Any], key: str) -> str:
    text = value.get(key) or ""
    if not isinstance(text, str):
        raise BadResult(f"{key} in its answer is not a string")
    return text


def _address(value: Mapping[str, Any]) -> Address:
    text = _text(value, "address")
    try:
        interface = ipaddress.ip_interface(text)
    except ValueError:
        raise BadResult(f"{text!r} in its answer is not an address") from None
    index = value.get("interface")
    return Address(
        str(interface.ip),
        interface.network.prefixlen,
        _text(value, "gateway"),
        index if isinstance(index, int) and index >= 0 else None,
    )
