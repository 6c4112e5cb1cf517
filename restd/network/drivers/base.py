"""What a driver does. The engine's part, the same for all, is in `restd.network.networks`."""

from __future__ import annotations

from typing import Any, Protocol

from restd.model.network import Network
from restd.network.cni.configuration import ConfList


class Driver(Protocol):
    """One kind of network."""

    pooled: bool
    """Whether the engine chooses subnets and addresses for it."""

    def design(self, network: Network) -> Network:
        """The network with the interface it will have on the host. Errors in Docker's words for options that won't do.

        Called with the subnets chosen, before anything is made.
        """

    async def up(self, network: Network) -> None:
        """Make what the network needs on the host; also again, after a reboot or when somebody took it away."""

    async def down(self, network: Network) -> None:
        """Take away what `up` made."""

    def chain(self, network: Network, *, way_out: bool) -> ConfList | None:
        """The plugins that put a container on it; None if none is needed. With `way_out` they set its default routes.

        A container has one way out: plugins would add a second default route before the first.
        """

    async def joined(self, network: Network, host_interface: str) -> None:
        """Finish what the plugins can't: called after ADD with the interface's end on the host."""


def host_local(network: Network, folder: str, *, way_out: bool) -> dict[str, Any]:
    """The configuration of the host-local plugin, which keeps a network's leases in `folder`.

    The engine names the addresses (capability `ips`), so each subnet is one whole range. `way_out`: with default
    routes, unless the network is internal. A network without pools gets no addresses at all.
    """
    if not network.pools:
        return {}
    ranges = []
    for pool in network.pools:
        entry = {"subnet": pool.subnet}
        if pool.gateway:
            entry["gateway"] = pool.gateway
        ranges.append([entry])
    result: dict[str, Any] = {"type": "host-local", "dataDir": folder, "ranges": ranges}
    if way_out and not network.internal:
        families = {pool.ipv6 for pool in network.pools if pool.gateway}
        result["routes"] = [{"dst": "::/0" if ipv6 else "0.0.0.0/0"} for ipv6 in sorted(families)]
    return result
