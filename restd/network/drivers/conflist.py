"""Networks of driver `cni`: whatever a conflist in `cni-conf-dir` says.

The option `conflist` is the list's name; without it the network's own name is. The list is read again for every
container that joins, and kept with it, so that it leaves by the plugins by which it came.
"""

from __future__ import annotations

from restd.model.network import Network
from restd.network import options
from restd.network.cni.configuration import ConfList
from restd.network.cni.directory import find_conflist
from restd.network.cni.plugins import Plugins

_OPTION = "conflist"


class ConflistDriver:
    """`directory` is `cni-conf-dir`."""

    pooled = False

    def __init__(self, plugins: Plugins, directory: str) -> None:
        self._plugins = plugins
        self._directory = directory

    def design(self, network: Network) -> Network:
        """The list must be there and its plugins too. NotFound, InvalidParameter, Unavailable."""
        options.check_interface_prefix(network.options)
        for plugin in self.chain(network).plugins:
            self._plugins.find(plugin["type"])
        return network

    async def up(self, network: Network) -> None:
        """Nothing: the plugins make what they need."""

    async def down(self, network: Network) -> None:
        """Nothing."""

    def chain(self, network: Network, *, way_out: bool = True) -> ConfList:  # noqa: ARG002 - the list decides
        """The list as it is now."""
        return find_conflist(self._directory, network.options.get(_OPTION) or network.name)

    async def joined(self, network: Network, host_interface: str) -> None:
        """Nothing more."""
