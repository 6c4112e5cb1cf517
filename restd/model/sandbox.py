"""What a container has of networks while it runs: its namespace, its places on networks, its ports on the host."""

from __future__ import annotations

from dataclasses import dataclass

from restd.model.network import Endpoint, PortMapping


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Empty while nothing runs. `id` is new with each run, `key` the file that stands for the namespace.

    `endpoints` are in the order of joining; `ports` lead to the one that also has the default route.
    """

    id: str = ""
    key: str = ""
    ports: tuple[PortMapping, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()

    def endpoint(self, network_name: str) -> Endpoint | None:
        """The place on a network, None if there is none."""
        return next((place for place in self.endpoints if place.network_name == network_name), None)

    @property
    def way_out(self) -> Endpoint | None:
        """The place whose gateway is the container's: the highest priority, then the first name, as Docker chooses."""
        candidates = [place for place in self.endpoints if place.gateway or place.ipv6_gateway]
        return min(candidates, key=lambda place: (-place.gw_priority, place.network_name), default=None)
