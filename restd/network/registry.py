"""The networks in memory: how a reference finds one, and which names, subnets and interfaces are taken."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from restd.errors import Conflict, InvalidParameter, NotFound
from restd.lib.ids import is_id
from restd.model.network import Network
from restd.network.subnets import Subnet


class Registry:
    """The networks of one engine. A network being made is there, so that nobody takes its name, but not found yet."""

    def __init__(self) -> None:
        self._networks: dict[str, Network] = {}
        self._pending: dict[str, Network] = {}

    def __iter__(self) -> Iterator[Network]:
        """Oldest first."""
        return iter(sorted(self._networks.values(), key=lambda network: network.created))

    def __len__(self) -> int:
        return len(self._networks)

    def find(self, reference: str) -> Network:
        """Full id, name, unique id prefix, in this order. NotFound; InvalidParameter if ambiguous."""
        if (network := self._networks.get(reference)) is not None:
            return network
        for network in self._networks.values():
            if network.name == reference:
                return network
        matches = [network for network in self if reference and network.id.startswith(reference)]
        if len(matches) > 1:
            raise InvalidParameter(
                f"network {reference} is ambiguous ({len(matches)} matches found based on ID prefix)"
            )
        if not matches or is_id(reference):
            raise NotFound(f"network {reference} not found")
        return matches[0]

    def get(self, network_id: str) -> Network | None:
        """The network with exactly this id."""
        return self._networks.get(network_id)

    def named(self, name: str) -> Network | None:
        """The network with exactly this name."""
        return next((network for network in self._networks.values() if network.name == name), None)

    def check_name(self, name: str) -> None:
        """Conflict, in Docker's words, if the name is taken."""
        if any(network.name == name for network in self._all()):
            raise Conflict(f"network with name {name} already exists")

    def reserve(self, network: Network) -> None:
        """Take name, subnets and interface for a network that is being made."""
        self.check_name(network.name)
        self._pending[network.id] = network

    def settle(self, network: Network) -> None:
        """It is made: found from now on; also one that has changed."""
        self._pending.pop(network.id, None)
        self._networks[network.id] = network

    def retire(self, network: Network) -> None:
        """It is being removed: found no more, but its name, subnets and interface are still taken."""
        self._networks.pop(network.id, None)
        self._pending[network.id] = network

    def discard(self, network: Network) -> None:
        """It is gone, or was never finished."""
        self._pending.pop(network.id, None)
        self._networks.pop(network.id, None)

    def subnets(self) -> list[Subnet]:
        """The subnets in force on all networks."""
        return [ipaddress.ip_network(pool.subnet) for network in self._all() for pool in network.pools]

    def with_interface(self, name: str) -> Network | None:
        """The network whose interface on the host is called so."""
        return next((network for network in self._all() if name and network.interface == name), None)

    def _all(self) -> list[Network]:
        return [*self._networks.values(), *self._pending.values()]
