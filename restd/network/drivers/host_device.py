"""Networks of driver `host-device`: an interface of the host moves into the one container that joins.

Options: `parent` or `device` (the interface's name), or `hwaddr`, `kernelpath`, `pciBusID`, as the CNI plugin has them.
"""

from __future__ import annotations

from restd.errors import InvalidParameter
from restd.model.network import Network
from restd.network import options
from restd.network.cni.configuration import ConfList
from restd.network.cni.plugins import Plugins
from restd.network.drivers.base import host_local

_WAYS = ("device", "hwaddr", "kernelpath", "pciBusID")


class HostDeviceDriver:
    """The device comes back to the host, under its own name, when the container leaves."""

    pooled = True

    def __init__(self, plugins: Plugins, leases: str) -> None:
        self._plugins = plugins
        self._leases = leases

    def design(self, network: Network) -> Network:
        """Exactly one way to tell the device."""
        options.check_interface_prefix(network.options)
        if options.mtu(network.options):
            raise InvalidParameter(f"{options.MTU}: a host's device keeps its own")
        if len(_device(network)) != 1:
            raise InvalidParameter(
                "host-device: exactly one of the options parent, device, hwaddr, kernelpath, pciBusID is expected"
            )
        self._plugins.find("host-device")
        self._plugins.find("host-local")
        return network

    async def up(self, network: Network) -> None:
        """Nothing: the device is there."""

    async def down(self, network: Network) -> None:
        """Nothing."""

    def chain(self, network: Network, *, way_out: bool) -> ConfList:
        """The host-device plugin with host-local."""
        ipam = host_local(network, self._leases, way_out=way_out)
        plugin = {"type": "host-device", **_device(network), "capabilities": {"ips": True}, "ipam": ipam}
        return ConfList(network.id, (plugin,))

    async def joined(self, network: Network, host_interface: str) -> None:
        """Nothing more."""


def _device(network: Network) -> dict[str, str]:
    found = {name: value for name in _WAYS if (value := network.options.get(name, ""))}
    if parent := options.interface(network.options, options.PARENT):
        found["device"] = parent
    return found
