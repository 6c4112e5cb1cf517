"""A container's network while it runs: made before its process begins, given back after its end.

`prepare` makes the namespace and takes the host ports; `join` puts the container on its networks and makes it known
(rules, names, `/etc/hosts`) and may go on while the runtime creates the container; `release` gives everything back, in
the background. What a run has is also in STATE/RUNTIME/ID/network.json, for a daemon that comes after this one; its
places on networks are remembered by the network room.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Collection, Sequence
from dataclasses import replace
from functools import partial

from restd.config import Config as EngineConfig
from restd.container import places
from restd.container.discovery import Discovery
from restd.container.gc import Collector
from restd.container.places import Place
from restd.container.publishing import Publisher
from restd.container.registry import Entry, Registry
from restd.errors import Conflict, EngineError
from restd.lib.files import UnreadableFile, read_json, write_json
from restd.lib.ids import new_id
from restd.lib.tasks import TaskGroup
from restd.model.container import Container
from restd.model.docker_json import from_docker, to_docker
from restd.model.network import Endpoint, Network, PortMapping
from restd.model.sandbox import Sandbox
from restd.network.dns import NameServer
from restd.network.namespace import Namespaces
from restd.network.networks import Networks
from restd.network.ports import Ports
from restd.oci.namespaces import joined

log = logging.getLogger(__name__)

FILE = "network.json"
VERSION = 1
SETTLE_SECONDS = 30.0
"""How long a start waits for what ended containers still have: a port, an address."""


class Sandboxes:
    """The networks of all containers. `chores` give back; the daemon's end waits for them a while."""

    def __init__(
        self,
        config: EngineConfig,
        registry: Registry,
        networks: Networks,
        collector: Collector,
        chores: TaskGroup,
    ) -> None:
        self._networks = networks
        self._collector = collector
        self._chores = chores
        self._namespaces = Namespaces(f"{config.state}/netns")
        self.discovery = Discovery(config, registry, networks, NameServer(f"{config.state}/dns", chores))
        self._publisher = Publisher(networks, Ports(), self.settled, self._lives)
        self._live: set[str] = set()
        """Ids of the sandboxes that are in use: what takes time must not go on for one that is given back."""
        self._releases: dict[str, tuple[Container, asyncio.Task[None]]] = {}
        self._known: asyncio.Event | None = None
        """There from `open` on, set when nothing of ended containers can be mistaken for something new."""

    def close(self) -> None:
        """Let go. Networks, rules and names stay as they are."""
        self._publisher.close()

    # Around a run

    async def prepare(self, container: Container) -> tuple[Container, list[Place]]:
        """The namespace and the host ports; what `join` has to do is returned with the container.

        Nothing is made for a container without a network of its own. On failure nothing is kept.
        """
        if joined(container.host_config.network_mode) or container.config.network_disabled:
            return replace(container, sandbox=Sandbox()), []
        if self._known is not None:
            await self._known.wait()
        try:
            plan = places.places(container, self._networks.get)
        except EngineError as error:
            raise _wrapped(error) from error
        sandbox = Sandbox(id=new_id())
        if places.own_network(container.host_config):
            for place in plan:
                if place.request.ipv4_address or place.request.ipv6_address:
                    await self.settled(place.network.id)
            sandbox = replace(
                sandbox, ports=await self._publisher.reserve(container, [place.network for place in plan])
            )
            try:
                sandbox = replace(sandbox, key=await self._namespaces.make(container.id))
            except BaseException:
                await self._publisher.withdraw(container)
                raise
        self._live.add(sandbox.id)
        return replace(container, sandbox=sandbox), plan

    async def join(self, entry: Entry, plan: Sequence[Place]) -> None:
        """Put a prepared container on its networks, and let it be found. A failure leaves the rest to `release`."""
        for place in plan:
            await self._join_one(entry, place)
        if sum(bool(place.gateway or place.ipv6_gateway) for place in entry.container.sandbox.endpoints) > 1:
            # Each network's plugins have set one.
            await self._namespaces.set_default_route(entry.container.id, entry.container.sandbox.way_out)
        if plan:
            self._save(entry.container)
        if entry.container.sandbox.key:
            await asyncio.gather(self._publisher.publish(entry.container), self.discovery.names.apply())

    def release(self, container: Container) -> asyncio.Task[None]:
        """Give back what a run had, in the background; a second call for the same run is the first one's task."""
        known = self._releases.get(container.id)
        if known is not None:
            return known[1]
        self._live.discard(container.sandbox.id)
        self._networks.leaving(container.id)
        task = self._chores.start(self._release(container), f"network of {container.id[:12]}")
        self._releases[container.id] = (container, task)
        return task

    async def settled(self, network_id: str = "") -> None:
        """Wait until ended containers are off a network, or off all: a while at most."""
        waiting = [
            task
            for container, task in self._releases.values()
            if not network_id or any(place.network_id == network_id for place in container.sandbox.endpoints)
        ]
        if waiting:
            await asyncio.wait(waiting, timeout=SETTLE_SECONDS)

    # While it runs

    async def connect(self, entry: Entry, network: Network) -> None:
        """Put a running container on one more network, as `entry.container.endpoints` asks."""
        container = entry.container
        before = self._networks_of(container)
        taken = {place.interface for place in container.sandbox.endpoints}
        interface = places.free_interface(network.interface_prefix, taken)
        request = places.request(container, network.name, container.endpoints[network.name])
        await self._join_one(entry, Place(network, interface, request))
        await self._rearranged(entry, before)

    async def disconnect(self, entry: Entry, place: Endpoint) -> None:
        """Take a running container off a network."""
        container = entry.container
        before = self._networks_of(container)
        await self._networks.leave(container.id, container.sandbox.key, place)
        sandbox = entry.container.sandbox
        left = tuple(other for other in sandbox.endpoints if other.id != place.id)
        entry.container = replace(entry.container, sandbox=replace(sandbox, endpoints=left))
        self.discovery.left(entry.container, place, ended=False)
        await self._rearranged(entry, before)

    async def renamed(self, entry: Entry) -> None:
        """The container has another name: others find it by that from now on."""
        container = entry.container
        changed = []
        for place in container.sandbox.endpoints:
            asked = container.endpoints.get(place.network_name)
            named = replace(place, name=container.name)
            if asked is not None and places.user_defined(place.network_name):
                named = replace(named, dns_names=places.dns_names(container, asked))
            self._networks.update(named)
            self.discovery.tell(named.network_id)
            changed.append(named)
        entry.container = replace(container, sandbox=replace(container.sandbox, endpoints=tuple(changed)))
        if changed:
            await self.discovery.names.apply()

    # After a restart of the daemon

    def open(self) -> None:
        """Before the first `restore`."""
        self.discovery.names.open()
        self._known = asyncio.Event()

    def restore(self, container: Container) -> Container:
        """A container that ran when the last daemon ended, with what it has of networks."""
        sandbox = Sandbox()
        try:
            document = read_json(f"{container.run_directory}/{FILE}")
            if document.get("v") == VERSION:
                sandbox = from_docker(Sandbox, document["Sandbox"])
        except FileNotFoundError:
            pass  # another container's network, or none at all
        except (UnreadableFile, AttributeError, KeyError, TypeError, ValueError) as error:
            log.error("container %s: its ports are not known: %s", container.id[:12], error)
        endpoints = tuple(self._networks.endpoints(container.id))
        restored = replace(container, sandbox=replace(sandbox, endpoints=endpoints))
        self._live.add(sandbox.id)
        self._publisher.hold(restored)
        return restored

    async def restored(self, running: Collection[Container]) -> None:
        """All containers are known: rules and names are as they say; what belongs to none of them is taken away."""
        for container in running:
            if container.sandbox.ports:
                await _logged(self._publisher.publish(container))
        here = {place.network_id for container in running for place in container.sandbox.endpoints}
        for network_id in here | set(self.discovery.names.networks()):
            self.discovery.tell(network_id)
        await _logged(self.discovery.names.apply())
        alive = {container.id for container in running} | set(self._releases)
        self._chores.start(self._collect(alive), "networks of ended containers")

    async def _collect(self, alive: set[str]) -> None:
        """Nothing that a crash has left stays. Starts wait for this: what they make must not be taken for it."""
        try:
            await self._networks.collect(alive)
            for container_id in self._namespaces.found():
                if container_id not in alive:
                    self._namespaces.remove(container_id)
            for network_id in self.discovery.names.networks():
                self.discovery.tell(network_id)
            self.discovery.names.apply_later()
        finally:
            if self._known is not None:
                self._known.set()

    # Parts

    async def _join_one(self, entry: Entry, place: Place) -> None:
        container = entry.container
        sandbox = container.sandbox
        try:
            endpoint = await self._networks.join(
                container.id, sandbox.key, place.interface, place.request, sandbox.ports
            )
        except EngineError as error:
            raise _wrapped(error) from error
        if not self._lives(sandbox.id):
            await self._networks.leave(container.id, sandbox.key, endpoint)
            raise Conflict(f"container {container.id} is not running")
        sandbox = entry.container.sandbox
        entry.container = replace(entry.container, sandbox=replace(sandbox, endpoints=(*sandbox.endpoints, endpoint)))
        self.discovery.joined(entry.container, endpoint)

    async def _rearranged(self, entry: Entry, before: Sequence[Network]) -> None:
        """After a change of networks: ports, the default route, names, and the servers that the container asks."""
        container = entry.container
        if not self._lives(container.sandbox.id):
            return
        after = self._networks_of(container)
        if not container.sandbox.ports:
            ports = await self._publisher.reserve(container, after)
            if not self._lives(container.sandbox.id):
                await self._publisher.withdraw(container)
                return
            container = _with_ports(entry, ports)
        elif not self._publisher.led(container):
            await self._publisher.withdraw(container)
            container = _with_ports(entry, ())
        self._save(container)
        self.discovery.change_servers(container, before, after)
        way = container.sandbox.way_out
        await asyncio.gather(
            self._publisher.publish(container),
            self.discovery.names.apply(),
            self._namespaces.set_default_route(container.id, way),
        )

    async def _release(self, container: Container) -> None:
        try:
            job = partial(self._give_back, container)
            await self._collector.attempt(f"the network of container {container.id}", job)
        finally:
            self._releases.pop(container.id, None)

    async def _give_back(self, container: Container) -> None:
        """Ports, networks, names, the namespace: each of them may have gone before."""
        sandbox = container.sandbox
        await self._publisher.withdraw(container)
        for place in reversed(sandbox.endpoints):
            await self._networks.leave(container.id, sandbox.key, place)
            self.discovery.left(container, place, ended=True)
        self._namespaces.remove(container.id)
        self.discovery.names.apply_later()

    def _lives(self, sandbox_id: str) -> bool:
        return sandbox_id in self._live

    def _networks_of(self, container: Container) -> list[Network]:
        return [self._networks.get(place.network_id) for place in container.sandbox.endpoints]

    @staticmethod
    def _save(container: Container) -> None:
        sandbox = replace(container.sandbox, endpoints=())
        document = {"v": VERSION, "Sandbox": to_docker(sandbox)}
        write_json(f"{container.run_directory}/{FILE}", document, durable=False)


def _with_ports(entry: Entry, ports: tuple[PortMapping, ...]) -> Container:
    entry.container = replace(entry.container, sandbox=replace(entry.container.sandbox, ports=ports))
    return entry.container


def _wrapped(error: EngineError) -> EngineError:
    """The same kind of error in Docker's words for a start."""
    return type(error)(f"failed to set up container networking: {error}")


async def _logged(work: Awaitable[None]) -> None:
    """One that fails must not keep the daemon from coming up."""
    try:
        await work
    except EngineError as error:
        log.error("%s", error)
