"""Networks of drivers `macvlan` and `ipvlan`: containers on the wire of one of the host's interfaces, with CNI plugins.

Options as Docker's: `parent`, `macvlan_mode`, `ipvlan_mode`, `ipvlan_flag`. A parent `eth0.50` that isn't there is made
as VLAN 50 of eth0 and goes with the network; without a parent the network stays on the host, on an interface of its
own.
"""

from __future__ import annotations

import asyncio
import errno
import re
from dataclasses import replace
from typing import Any

from restd.errors import InvalidParameter, SystemFailure
from restd.model.network import Network
from restd.network import interfaces, options
from restd.network.cni.configuration import ConfList
from restd.network.cni.plugins import Plugins
from restd.network.drivers.base import host_local

MODES = {"macvlan": ("bridge", "private", "vepa", "passthru"), "ipvlan": ("l2", "l3", "l3s")}
"""Driver -> modes, the default first."""
_TAGGED = re.compile(r"(.+)\.(\d{1,4})")


class VlanDriver:
    """`kind` is macvlan or ipvlan."""

    pooled = True

    def __init__(self, kind: str, plugins: Plugins, leases: str, default_mtu: int) -> None:
        self._kind = kind
        self._plugins = plugins
        self._leases = leases
        self._mtu = default_mtu

    def design(self, network: Network) -> Network:
        """The parent: the one asked for, else `dm-` and the beginning of the id."""
        options.check_interface_prefix(network.options)
        options.mtu(network.options)
        self._mode(network)
        flag = network.options.get("ipvlan_flag", "")
        if flag not in ("", "bridge"):
            raise InvalidParameter(f"ipvlan_flag: {flag!r} is not supported; only bridge is")
        self._plugins.find(self._kind)
        self._plugins.find("host-local")
        parent = options.interface(network.options, options.PARENT)
        if not parent:
            return replace(network, interface=f"dm-{network.id[:12]}", made_interface=True)
        if interfaces.exists(parent):
            return replace(network, interface=parent)
        tagged = _TAGGED.fullmatch(parent)
        if tagged is None or not 1 <= int(tagged[2]) <= 4094 or not interfaces.exists(tagged[1]):
            raise InvalidParameter(f"-o parent interface was not found on the host: {parent}")
        return replace(network, interface=parent, made_interface=True)

    def _mode(self, network: Network) -> str:
        name = f"{self._kind}_mode"
        mode = network.options.get(name, "") or MODES[self._kind][0]
        if mode not in MODES[self._kind]:
            raise InvalidParameter(
                f"requested {self._kind} mode '{mode}' is not valid, '{MODES[self._kind][0]}' is the default"
            )
        return mode

    async def up(self, network: Network) -> None:
        """The parent, if it is the engine's to make."""
        if not network.made_interface:
            return
        try:
            tagged = _TAGGED.fullmatch(network.interface)
            if tagged is not None:
                await asyncio.to_thread(interfaces.make_vlan, network.interface, tagged[1], int(tagged[2]))
            else:
                await asyncio.to_thread(interfaces.make_dummy, network.interface)
        except OSError as error:
            raise SystemFailure(f"interface {network.interface} can't be made: {_reason(error, network)}") from error

    async def down(self, network: Network) -> None:
        """The parent, if the engine made it."""
        if network.made_interface:
            try:
                await asyncio.to_thread(interfaces.remove, network.interface)
            except OSError as error:
                raise SystemFailure(f"interface {network.interface} can't be removed: {error}") from error

    def chain(self, network: Network, *, way_out: bool) -> ConfList:
        """The macvlan or ipvlan plugin with host-local."""
        plugin: dict[str, Any] = {
            "type": self._kind,
            "master": network.interface,
            "mode": self._mode(network),
            "capabilities": {"ips": True, "mac": self._kind == "macvlan"},
            "ipam": host_local(network, self._leases, way_out=way_out),
        }
        if mtu := options.mtu(network.options) or self._mtu:
            plugin["mtu"] = mtu
        return ConfList(network.id, (plugin,))

    async def joined(self, network: Network, host_interface: str) -> None:
        """Nothing more."""


def _reason(error: OSError, network: Network) -> str:
    """Why a parent can't be made, in words for people."""
    if error.errno != errno.EOPNOTSUPP:
        return error.strerror or str(error)
    if _TAGGED.fullmatch(network.interface):
        return "this kernel knows no VLANs"
    return "this kernel knows no dummy interfaces; name a parent (-o parent=INTERFACE)"
