"""`--network` and the options that go with it, as the engine's NetworkMode and EndpointsConfig."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from client.options import Arguments

_PLAIN = ("bridge", "default", "host", "none")
_FIELDS = {
    "alias": "network-alias",
    "ip": "ip",
    "ip6": "ip6",
    "link-local-ip": "link-local-ip",
    "mac-address": "mac-address",
    "gw-priority": "",
    "driver-opt": "",
}
"""Key of the long form (`name=NET,alias=web,ip=10.0.0.5`) -> the option that says the same for the first network."""
_MANY = ("alias", "link-local-ip", "driver-opt")


def networks(arguments: Arguments) -> tuple[str, dict[str, dict[str, Any]], list[str]]:
    """The mode, the networks with what is asked of each, and the links on the default bridge. ValueError."""
    chosen = [_parsed(text) for text in arguments.many("network")]
    mode = chosen[0][0] if chosen else ""
    if len(chosen) > 1:
        if any(not _user_defined(name) for name, _ in chosen):
            raise ValueError("conflicting options: cannot attach both user-defined and non-user-defined network-modes")
        if len({name for name, _ in chosen}) != len(chosen):
            raise ValueError("conflicting options: one network is given twice")
    first: dict[str, list[str]] = chosen[0][1] if chosen else {}
    for key, option in _FIELDS.items():
        values = (arguments.many(option) if key in _MANY else [arguments.text(option)]) if option else []
        values = [value for value in values if value]
        if values and key in first:
            raise ValueError(f"conflicting options: --{option} and the {key} of --network")
        if values:
            first[key] = values
    links = arguments.many("link")
    endpoints = {name: _endpoint(fields) for name, fields in chosen}
    if not chosen and first:
        endpoints["default"] = _endpoint(first)
    if links and _user_defined(mode):
        endpoints[mode]["Links"] = links
        links = []
    return mode, {name: endpoint for name, endpoint in endpoints.items() if endpoint or len(chosen) > 1}, links


def _user_defined(mode: str) -> bool:
    return bool(mode) and mode not in _PLAIN and not mode.startswith("container:")


def _parsed(text: str) -> tuple[str, dict[str, list[str]]]:
    """A network's name, and the fields of the long form."""
    if "=" not in text:
        return text, {}
    name = ""
    fields: dict[str, list[str]] = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        key = key.strip().lower()
        if not equals or not value:
            raise ValueError(f'invalid network "{text}": NAME, or name=NAME,KEY=VALUE,… is wanted')
        if key == "name":
            name = value
        elif key not in _FIELDS:
            raise ValueError(f'invalid network "{text}": unknown key {key}; known: name, {", ".join(_FIELDS)}')
        elif key in fields and key not in _MANY:
            raise ValueError(f'invalid network "{text}": {key} is given twice')
        else:
            fields.setdefault(key, []).append(value)
    if not name:
        raise ValueError(f'invalid network "{text}": the name is missing')
    return name, fields


def _endpoint(fields: dict[str, list[str]]) -> dict[str, Any]:
    """What the engine is asked for on one network."""
    made: dict[str, Any] = {}
    ipam: dict[str, Any] = {}
    for key, field in (("ip", "IPv4Address"), ("ip6", "IPv6Address")):
        if key in fields:
            ipam[field] = fields[key][0]
    if "link-local-ip" in fields:
        ipam["LinkLocalIPs"] = fields["link-local-ip"]
    if ipam:
        made["IPAMConfig"] = ipam
    if "alias" in fields:
        made["Aliases"] = fields["alias"]
    if "mac-address" in fields:
        made["MacAddress"] = fields["mac-address"][0]
    if "gw-priority" in fields:
        priority = fields["gw-priority"][0]
        if not priority.lstrip("-").isdigit() or not priority.isascii():
            raise ValueError(f'invalid gw-priority "{priority}": a whole number is wanted')
        made["GwPriority"] = int(priority)
    if "driver-opt" in fields:
        options = [option.partition("=") for option in fields["driver-opt"]]
        if not all(key and equals for key, equals, _ in options):
            raise ValueError("invalid driver-opt: KEY=VALUE is wanted")
        made["DriverOpts"] = {key: value for key, _, value in options}
    return made
