"""How containers find each other while they run: the name server's tables and lines in their `/etc/hosts`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from restd.config import Config as EngineConfig
from restd.container import links, network_files, places
from restd.container.registry import Registry
from restd.errors import EngineError, NotFound, SystemFailure
from restd.model.container import Container
from restd.model.network import Endpoint, Network
from restd.network.dns import Member, NameServer
from restd.network.networks import Networks


class Discovery:
    """Keeps names and hosts files as the containers' places say. `names` is told of all changes, and applies them."""

    def __init__(self, config: EngineConfig, registry: Registry, networks: Networks, names: NameServer) -> None:
        self._config = config
        self._registry = registry
        self._networks = networks
        self.names = names

    def joined(self, container: Container, place: Endpoint) -> None:
        """A container has come to `place`, which is among those of its sandbox."""
        if not places.own_network(container.host_config):
            return
        self.tell(place.network_id)
        own = network_files.own_lines(container, _addresses(place))
        network_files.change_hosts(container, (), [*own, *self._link_lines(container, place)])
        for other, lines in self._linkers(container, place):
            network_files.change_hosts(other, (), lines)

    def left(self, container: Container, place: Endpoint, *, ended: bool) -> None:
        """A container is no longer at `place`; if it has `ended`, its own files are of no use to it."""
        if not places.own_network(container.host_config):
            return
        self.tell(place.network_id)
        for other, lines in self._linkers(container, place):
            network_files.change_hosts(other, lines, ())
        if not ended:
            own = network_files.own_lines(container, _addresses(place))
            network_files.change_hosts(container, [*own, *self._link_lines(container, place)], ())

    def tell(self, network_id: str) -> None:
        """Tell the name server who is on a network now."""
        try:
            network = self._networks.get(network_id)
        except NotFound:
            self.names.drop(network_id)
            return
        if network.resolves_names:
            members = self._networks.members(network.id)
            self.names.set(network, [Member(place, self._servers_of(place.container_id)) for place in members])

    def name_servers(self, networks: Sequence[Network]) -> list[str]:
        """The engine's name servers that a container on these networks asks; none where names aren't resolved."""
        if not self.names.program():
            return []
        resolving = [network for network in networks if network.resolves_names]
        found = [network.gateways(ipv6=False) or network.gateways(ipv6=True) for network in resolving]
        return [gateways[0] for gateways in found if gateways]

    def host_gateway(self, container: Container) -> str:
        """What `host-gateway` means for a container. SystemFailure if it is asked for and means nothing."""
        asked = network_files.extra_hosts(container.host_config.extra_hosts or ())
        if not any(address == network_files.HOST_GATEWAY for _, address in asked):
            return ""
        gateway = self._networks.host_gateway()
        if not gateway:
            raise SystemFailure("unable to derive the IP value for host-gateway")
        return gateway

    def change_servers(self, container: Container, before: Sequence[Network], after: Sequence[Network]) -> None:
        """The networks of a running container have changed, and with them perhaps the servers that it asks."""
        network_files.change_resolver(container, self._config, self.name_servers(before), self.name_servers(after))

    def _servers_of(self, container_id: str) -> Sequence[str]:
        """Where a container's other questions go; none for the host's own servers."""
        try:
            own = self._registry.find(container_id).container.host_config.dns
        except EngineError:
            own = None
        return own or self._config.dns

    def _link_lines(self, container: Container, place: Endpoint) -> list[str]:
        return links.host_lines(container, place.network_name, self._registry)

    def _linkers(self, container: Container, place: Endpoint) -> Iterator[tuple[Container, list[str]]]:
        """Running containers on the same network that have links to this one, with their lines."""
        for entry in self._registry:
            other = entry.container
            if other.id == container.id or other.sandbox.endpoint(place.network_name) is None:
                continue
            for link, target in links.targets(other, place.network_name, self._registry):
                if target.id == container.id:
                    yield other, links.lines_for(link, container, place)


def _addresses(place: Endpoint) -> tuple[str, ...]:
    return (place.ipv4_address, place.ipv6_address)
