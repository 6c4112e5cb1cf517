"""The networks of this engine: one method a verb.

References are names, ids or unique id prefixes as the client gave them. Every error is a kind from `restd.errors`.
Containers are known here by id alone; the container room says who joins and leaves, and calls `join` and `leave` in
its own order (a network namespace is there before the first join and goes after the last leave).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from restd.config import Config
from restd.events import Events
from restd.filters import Filters
from restd.model.network import Endpoint, EndpointRequest, Network, NetworkRequest, PortMapping
from restd.network.firewall import Firewall


@dataclass(frozen=True, slots=True)
class Created:
    """A new network's id, and what its maker should know."""

    id: str
    warning: str = ""


class Networks:
    """Build it, `open()` before anything else, `collect()` when it is known which containers run, `close()` at last."""

    firewall: Firewall
    """Where the rules for published ports go."""

    def __init__(self, config: Config, events: Events) -> None:
        self._config = config
        self._events = events

    async def open(self) -> None:
        """Read what the disk knows, make sure of the predefined networks, bring back interfaces and rules."""
        raise NotImplementedError

    async def close(self) -> None:
        """Let go. Networks, their interfaces and rules stay as they are: containers go on."""
        raise NotImplementedError

    def get(self, ref: str) -> Network:
        """The network of this full id, name or unique id prefix. NotFound, InvalidParameter if ambiguous."""
        raise NotImplementedError

    def list(self, filters: Filters | None = None) -> Sequence[Network]:
        """All networks that pass, oldest first."""
        raise NotImplementedError

    async def create(self, request: NetworkRequest) -> Created:
        """Make a network; on return it survives a power cut. Errors in Docker's words."""
        raise NotImplementedError

    async def remove(self, ref: str) -> None:
        """Remove it. Forbidden if it is predefined or has a container on it."""
        raise NotImplementedError

    async def prune(self, filters: Filters) -> Sequence[str]:
        """Remove the networks without containers that pass; their names."""
        raise NotImplementedError

    def check(self, request: EndpointRequest) -> Network:
        """Whether such a place can be had, as far as can be told beforehand; the network. InvalidParameter, NotFound.

        Called when a container is created or connected: static addresses only where the subnet was configured, within
        it, and of the right form; driver options that are known.
        """
        raise NotImplementedError

    async def join(
        self,
        container_id: str,
        netns_path: str,
        interface: str,
        request: EndpointRequest,
        ports: Sequence[PortMapping] = (),
    ) -> Endpoint:
        """Put a container on a network: plugins make `interface` in the namespace at `netns_path`. Event `connect`.

        `ports` go to the plugins of a `cni` network that know the capability `portMappings`, and nowhere else. On the
        networks `host` and `none` nothing is made, the container is only noted. What fails gives everything back.
        Conflict-free: the address is the container's until `leave`.
        """
        raise NotImplementedError

    async def leave(self, container_id: str, netns_path: str, endpoint: Endpoint) -> None:
        """Take it off again: plugins, address, rules. Event `disconnect`. The namespace may be gone already."""
        raise NotImplementedError

    def endpoints(self, container_id: str) -> Sequence[Endpoint]:
        """Where a container is now, in the order of joining; also right after the daemon's restart."""
        raise NotImplementedError

    def members(self, network_id: str) -> Sequence[Endpoint]:
        """Who is on a network now."""
        raise NotImplementedError

    def update(self, endpoint: Endpoint) -> None:
        """Note a member's new names (after a rename); its id says which it is."""
        raise NotImplementedError

    async def collect(self, running: Collection[str]) -> None:
        """Take containers that don't run off all networks: a crash or a kill may have left them there."""
        raise NotImplementedError

    def host_gateway(self) -> str:
        """The host's address as containers see it (`host-gateway`): the default bridge's; empty if there is none."""
        raise NotImplementedError
