"""Ports of a container on the host: taken before its start, led to it while it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from restd.errors import SystemFailure
from restd.lib.ids import new_id
from restd.model.container import Container
from restd.model.network import HOST, NONE, Endpoint, Network, PortMapping
from restd.network.conntrack import forget
from restd.network.networks import Networks
from restd.network.ports import Ports, Wish, exposed, wishes
from restd.network.publish import rules

log = logging.getLogger(__name__)


class Publisher:
    """The ports of all containers. `settled` waits for what ended containers still hold, `lives` knows sandboxes."""

    def __init__(
        self,
        networks: Networks,
        ports: Ports,
        settled: Callable[[], Awaitable[None]],
        lives: Callable[[str], bool],
    ) -> None:
        self._networks = networks
        self._ports = ports
        self._settled = settled
        self._lives = lives

    async def reserve(self, container: Container, networks: Sequence[Network]) -> tuple[PortMapping, ...]:
        """Take the host ports that a container asks for, if one of its `networks` can lead to it.

        SystemFailure, in Docker's words, if one is taken; then none is.
        """
        able = [network for network in networks if _leads(network)]
        network = min(able, key=lambda network: network.passes_ports, default=None)
        wanted = wished(container)
        if network is None or not wanted:
            return ()
        wanted = [replace(wish, host_ip=wish.host_ip or network.host_binding) for wish in wanted]
        try:
            try:
                return self._reserve(container, wanted, network)
            except SystemFailure:
                await self._settled()
                return self._reserve(container, wanted, network)
        except SystemFailure as error:
            raise SystemFailure(
                "failed to set up container networking: driver failed programming external connectivity on endpoint "
                f"{container.name} ({new_id()}): {error}"
            ) from error

    def _reserve(self, container: Container, wanted: Sequence[Wish], network: Network) -> tuple[PortMapping, ...]:
        return tuple(self._ports.reserve(container.id, wanted, ipv4=network.enable_ipv4, ipv6=network.enable_ipv6))

    def hold(self, container: Container) -> None:
        """Take the ports of a container that already runs, when the daemon has come back."""
        for problem in self._ports.hold(container.id, container.sandbox.ports):
            log.warning("container %s keeps a port that somebody else has too: %s", container.id[:12], problem)

    async def publish(self, container: Container) -> None:
        """Have the rules that lead the container's ports to its place of now, unless it ends meanwhile."""
        place = self.place(container)
        if container.sandbox.ports and place is not None and self._lives(container.sandbox.id):
            made = rules(container.sandbox.ports, place.ipv4_address, place.ipv6_address)
            await self._networks.firewall.set(_owner(container), made)
            if not self._lives(container.sandbox.id):
                await self._networks.firewall.drop(_owner(container))
                return
            await _forget(container, (place.ipv4_address, place.ipv6_address))

    async def withdraw(self, container: Container) -> None:
        """Rules first, then the ports: who takes one next has his rules set after these are gone."""
        if container.sandbox.ports:
            await self._networks.firewall.drop(_owner(container))
            await _forget(container)
        self._ports.release(container.id)

    def place(self, container: Container) -> Endpoint | None:
        """The place that published ports lead to: that of the way out, else the first where ports can be published."""
        for place in (container.sandbox.way_out, *container.sandbox.endpoints):
            if place is not None and self._networks.get(place.network_id).publishes_ports:
                return place
        return None

    def led(self, container: Container) -> bool:
        """Whether one of the container's networks can lead to its ports."""
        return any(_leads(self._networks.get(place.network_id)) for place in container.sandbox.endpoints)

    def close(self) -> None:
        """Let go of the ports. The rules stay."""
        self._ports.close()


async def _forget(container: Container, keep: Sequence[str] = ()) -> None:
    """UDP flows from before go where the rules say from now on."""
    if any(mapping.protocol == "udp" for mapping in container.sandbox.ports):
        await asyncio.to_thread(forget, container.sandbox.ports, keep)


def _leads(network: Network) -> bool:
    return network.publishes_ports or network.passes_ports


def wished(container: Container) -> list[Wish]:
    """The ports that a container is to have on the host."""
    host_config = container.host_config
    return wishes(
        container.config.exposed_ports or (), host_config.port_bindings, publish_all=host_config.publish_all_ports
    )


def open_ports(container: Container) -> list[tuple[int, str]]:
    """All ports of a running container that the world may know of, published or not, in Docker's order."""
    if not container.sandbox.id or container.host_config.network_mode in (HOST, NONE):
        return []
    return exposed({**(container.config.exposed_ports or {}), **container.host_config.port_bindings})


def _owner(container: Container) -> str:
    return f"ports:{container.id}"
