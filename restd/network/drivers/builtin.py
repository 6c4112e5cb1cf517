"""The networks `host` and `none`: nothing is made, containers are only noted."""

from __future__ import annotations

from restd.model.network import Network


class BuiltinDriver:
    """Drivers `host` and `null`."""

    pooled = False

    def design(self, network: Network) -> Network:
        """As it is."""
        return network

    async def up(self, network: Network) -> None:
        """Nothing."""

    async def down(self, network: Network) -> None:
        """Nothing."""

    def chain(self, network: Network, *, way_out: bool) -> None:  # noqa: ARG002 - the driver's form
        """No plugins."""
        return

    async def joined(self, network: Network, host_interface: str) -> None:
        """Nothing."""
