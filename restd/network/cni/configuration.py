"""A network configuration (conflist), and what each of its plugins gets on standard input. Pure.

Sections 1 and 4 of the CNI specification: `Section 1: Network configuration format` and `Section 4: Plugin Delegation`
(derivation of the execution configuration from the network's).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from restd.errors import InvalidParameter

VERSIONS = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0")
"""Versions of the specification that are spoken, oldest first."""
NEWEST = VERSIONS[-1]

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.\-]*")
_TYPE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.\-]*")
_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class ConfList:
    """A network: its name and the chain of plugins, each with its own configuration as it was written."""

    name: str
    plugins: tuple[Mapping[str, Any], ...]
    version: str = NEWEST
    disable_check: bool = False

    @property
    def checks(self) -> bool:
        """Whether CHECK exists for it: from 0.4.0 on, unless the file says no."""
        return not self.disable_check and at_least(self.version, "0.4.0")

    @property
    def passes_results_to_del(self) -> bool:
        """Whether DEL gets the result of ADD: from 0.4.0 on."""
        return at_least(self.version, "0.4.0")

    def knows(self, capability: str) -> bool:
        """Whether one of the plugins takes this part of the runtime configuration."""
        return any(capabilities(plugin).get(capability) is True for plugin in self.plugins)

    def to_json(self) -> dict[str, Any]:
        """The file's form."""
        return {
            "cniVersion": self.version,
            "name": self.name,
            "disableCheck": self.disable_check,
            "plugins": [dict(plugin) for plugin in self.plugins],
        }


@dataclass(frozen=True, slots=True)
class Attachment:
    """One interface of one container: the parameters of every call (section 2). `netns` may be empty in a DEL."""

    container_id: str
    netns: str
    interface: str
    arguments: tuple[tuple[str, str], ...] = ()
    """`CNI_ARGS`: for plugins without the capability."""
    runtime: Mapping[str, Any] = field(default_factory=dict)
    """Capability arguments by their names (`portMappings`, `ips`, `mac`, …)."""


def at_least(version: str, wanted: str) -> bool:
    """Whether a version is `wanted` or newer."""
    return _parts(version) >= _parts(wanted)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def capabilities(plugin: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the plugin's configuration says it can do."""
    value = plugin.get("capabilities")
    return value if isinstance(value, dict) else {}


def parse(data: bytes, source: str) -> ConfList:
    """A conflist, or a single plugin's configuration (`.conf`) as a chain of one. InvalidParameter says what is wrong.

    `source` names the file in errors.
    """
    if len(data) > _LIMIT:
        raise InvalidParameter(f"{source}: longer than {_LIMIT} bytes")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidParameter(f"{source}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidParameter(f"{source}: a JSON object is expected")
    return from_json(value, source)


def from_json(value: Mapping[str, Any], source: str) -> ConfList:
    """As `parse`, from the decoded object."""
    if "plugins" not in value:
        single = {key: inner for key, inner in value.items() if key not in ("cniVersion", "name")}
        value = {"cniVersion": value.get("cniVersion"), "name": value.get("name"), "plugins": [single]}
    version = value.get("cniVersion") or "0.1.0"
    if version not in VERSIONS:
        raise InvalidParameter(f"{source}: cniVersion {version!r} is not one of {', '.join(VERSIONS)}")
    name = value.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidParameter(f"{source}: name {name!r} is not a network's name")
    plugins = value["plugins"]
    if not isinstance(plugins, list) or not plugins:
        raise InvalidParameter(f"{source}: plugins: at least one is expected")
    for index, plugin in enumerate(plugins):
        kind = plugin.get("type") if isinstance(plugin, dict) else None
        if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
            raise InvalidParameter(f"{source}: plugins[{index}].type {kind!r} is not a plugin's name")
    return ConfList(name, tuple(plugins), version, value.get("disableCheck") in (True, "true"))


def execution_config(
    network: ConfList, plugin: Mapping[str, Any], attachment: Attachment, previous: Mapping[str, Any] | None
) -> bytes:
    """What a plugin reads: its own configuration, name and version of the network, the arguments of those capabilities
    that it has, and the result of the plugin before it."""
    config = {key: value for key, value in plugin.items() if key not in ("capabilities", "runtimeConfig", "prevResult")}
    known = {name for name, has in capabilities(plugin).items() if has is True}
    runtime = {name: value for name, value in attachment.runtime.items() if name in known}
    config |= {"cniVersion": network.version, "name": network.name}
    if runtime:
        config["runtimeConfig"] = runtime
    if previous is not None:
        config["prevResult"] = dict(previous)
    return json.dumps(config, separators=(",", ":")).encode()


def environment(
    command: str, attachment: Attachment | None, path: Sequence[str], base: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a call (section 2): nothing of the daemon's own but what `base` gives."""
    result = {**base, "CNI_COMMAND": command, "CNI_PATH": ":".join(path)}
    if attachment is not None:
        arguments = (("IgnoreUnknown", "1"), *attachment.arguments)
        result |= {
            "CNI_CONTAINERID": attachment.container_id,
            "CNI_NETNS": attachment.netns,
            "CNI_IFNAME": attachment.interface,
            "CNI_ARGS": ";".join(f"{key}={value}" for key, value in arguments),
        }
    return result
