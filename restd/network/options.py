"""Driver options of networks: which there are, and what their values mean. Pure.

Names and words are the Docker Engine's (`daemon/libnetwork/drivers/bridge/labels.go`, `netlabel/labels.go`, the macvlan
and ipvlan drivers). An option that no driver here knows is refused: it would not be obeyed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

from restd.errors import InvalidParameter
from restd.model.network import HOST_BINDING, IFACE_PREFIX

MTU = "com.docker.network.driver.mtu"
ENABLE_IPV4, ENABLE_IPV6 = "com.docker.network.enable_ipv4", "com.docker.network.enable_ipv6"
HOST_IPV4, HOST_IPV6 = "com.docker.network.host_ipv4", "com.docker.network.host_ipv6"
_BRIDGE = "com.docker.network.bridge."
BRIDGE_NAME = _BRIDGE + "name"
ENABLE_ICC = _BRIDGE + "enable_icc"
ENABLE_MASQUERADE = _BRIDGE + "enable_ip_masquerade"
GATEWAY_MODE_IPV4, GATEWAY_MODE_IPV6 = _BRIDGE + "gateway_mode_ipv4", _BRIDGE + "gateway_mode_ipv6"
INHIBIT_IPV4 = _BRIDGE + "inhibit_ipv4"
DEFAULT_BRIDGE = _BRIDGE + "default_bridge"
PARENT = "parent"

_EVERY_DRIVER = frozenset((MTU, IFACE_PREFIX, ENABLE_IPV4, ENABLE_IPV6))
KNOWN: Mapping[str, frozenset[str]] = {
    "bridge": _EVERY_DRIVER
    | {BRIDGE_NAME, ENABLE_ICC, ENABLE_MASQUERADE, HOST_BINDING, HOST_IPV4, HOST_IPV6}
    | {GATEWAY_MODE_IPV4, GATEWAY_MODE_IPV6, INHIBIT_IPV4, DEFAULT_BRIDGE},
    "macvlan": _EVERY_DRIVER | {PARENT, "macvlan_mode"},
    "ipvlan": _EVERY_DRIVER | {PARENT, "ipvlan_mode", "ipvlan_flag"},
    "host-device": _EVERY_DRIVER | {PARENT, "device", "hwaddr", "kernelpath", "pciBusID"},
    "cni": frozenset((IFACE_PREFIX, "conflist")),
}
"""Driver -> the options it takes."""

_INTERFACE = re.compile(r"[A-Za-z0-9_.\-@]{1,15}")
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_\-]{0,11}")
_TRUE, _FALSE = (
    frozenset(("1", "t", "T", "true", "TRUE", "True")),
    frozenset(("0", "f", "F", "false", "FALSE", "False")),
)
GATEWAY_MODES = ("nat", "nat-unprotected", "isolated")
LARGEST_MTU = 65535


def check_known(driver: str, options: Mapping[str, str]) -> None:
    """InvalidParameter for the first option that the driver doesn't take."""
    known = KNOWN.get(driver, frozenset())
    for name in options:
        if name not in known:
            raise InvalidParameter(f"unknown option {name!r} for driver {driver}; known: {', '.join(sorted(known))}")


def flag(options: Mapping[str, str], name: str, default: bool) -> bool:
    """A truth value, in the words that Go's ParseBool takes."""
    text = options.get(name, "")
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text:
        raise InvalidParameter(f"failed to parse {name} value: {text!r} (true or false is expected)")
    return default


def mtu(options: Mapping[str, str]) -> int:
    """The largest packet, 0 if nothing was asked for."""
    text = options.get(MTU, "")
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()) or len(text) > 6 or not 0 <= int(text) <= LARGEST_MTU:
        raise InvalidParameter(
            f"failed to parse {MTU} value: {text!r} (a whole number up to {LARGEST_MTU} is expected)"
        )
    return int(text)


def address(options: Mapping[str, str], name: str, version: int) -> str:
    """An address of an IP version, empty if none was given."""
    text = options.get(name, "")
    if not text:
        return ""
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        raise InvalidParameter(f"failed to parse {name} value: {text!r} (an address is expected)") from None
    if parsed.version != version:
        raise InvalidParameter(f"failed to parse {name} value: {text!r} (an IPv{version} address is expected)")
    return str(parsed)


def interface(options: Mapping[str, str], name: str) -> str:
    """The name of an interface, empty if none was given."""
    text = options.get(name, "")
    if text and (not _INTERFACE.fullmatch(text) or text in (".", "..")):
        raise InvalidParameter(
            f"failed to parse {name} value: {text!r} is not a name for an interface (up to 15 characters)"
        )
    return text


def check_interface_prefix(options: Mapping[str, str]) -> None:
    """InvalidParameter if `container_iface_prefix` can't begin an interface's name."""
    text = options.get(IFACE_PREFIX, "")
    if text and (not _PREFIX.fullmatch(text) or text == "lo"):
        raise InvalidParameter(f"failed to parse {IFACE_PREFIX} value: {text!r} can't begin an interface's name")


@dataclass(frozen=True, slots=True)
class BridgeOptions:
    """What a bridge network was asked for. Gateway modes: `nat`, `nat-unprotected`, `isolated`, by IP version."""

    name: str = ""
    mtu: int = 0
    icc: bool = True
    masquerade: bool = True
    inhibit_ipv4: bool = False
    source_ipv4: str = ""
    source_ipv6: str = ""
    modes: tuple[str, str] = ("nat", "nat")

    def mode(self, version: int) -> str:
        """The gateway mode for an IP version."""
        return self.modes[version == 6]


def bridge_options(options: Mapping[str, str], *, internal: bool) -> BridgeOptions:
    """The options of a bridge network; InvalidParameter names the one that is wrong."""
    check_interface_prefix(options)
    address(options, HOST_BINDING, 4)
    return BridgeOptions(
        name=interface(options, BRIDGE_NAME),
        mtu=mtu(options),
        icc=flag(options, ENABLE_ICC, True),
        masquerade=flag(options, ENABLE_MASQUERADE, True),
        inhibit_ipv4=flag(options, INHIBIT_IPV4, False),
        source_ipv4=address(options, HOST_IPV4, 4),
        source_ipv6=address(options, HOST_IPV6, 6),
        modes=(_mode(options, GATEWAY_MODE_IPV4, internal), _mode(options, GATEWAY_MODE_IPV6, internal)),
    )


def _mode(options: Mapping[str, str], name: str, internal: bool) -> str:
    text = options.get(name, "") or "nat"
    if text == "routed":
        raise InvalidParameter(f"{name}: the mode 'routed' is not supported; use nat or nat-unprotected")
    if text not in GATEWAY_MODES:
        raise InvalidParameter(f"failed to parse {name} value: {text!r} (unknown gateway mode {text})")
    if text == "isolated" and not internal:
        raise InvalidParameter(f"gateway mode 'isolated' can only be used for an internal network ({name})")
    return text
