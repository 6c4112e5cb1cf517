"""Links: names for other containers that only one container knows.

On the default bridge, where no names are resolved, a link (`HostConfig.Links`) is a line in `/etc/hosts` and variables
with the other's ports and environment, and the other must run. On a user-defined network it is just another name, a
line in `/etc/hosts` that comes and goes with the other's runs. Sources: Docker's "Legacy container links", moby
daemon/links/links.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from restd.container.registry import Registry
from restd.errors import InvalidParameter, NotFound
from restd.model.container import Container, Status
from restd.model.network import BRIDGE, Endpoint
from restd.network.ports import exposed


@dataclass(frozen=True, slots=True)
class Link:
    """`target` is a container's name or id, `alias` what it is called."""

    target: str
    alias: str


def parse(text: str) -> Link:
    """`NAME[:ALIAS]`; slashes as inspect shows them (`/db:/web/db`) are taken too. InvalidParameter."""
    target, colon, alias = text.partition(":")
    target = target.removeprefix("/")
    alias = alias.rpartition("/")[2] if colon else target
    if not target or not alias or ":" in alias or len(alias.split()) != 1:
        raise InvalidParameter(f"bad format for links: {text}")
    return Link(target, alias)


def check(texts: Iterable[str], registry: Registry) -> None:
    """InvalidParameter for a malformed link, or one to a container that there isn't or that has the host's network."""
    for text in texts:
        link = parse(text)
        try:
            other = registry.find(link.target).container
        except NotFound as error:
            raise InvalidParameter(f"could not get container for {link.target}: {error}") from error
        if other.host_config.network_mode == "host":
            raise InvalidParameter(
                "conflicting options: host type networking can't be used with links. "
                "This would result in undefined behavior"
            )


def targets(container: Container, network_name: str, registry: Registry) -> Iterator[tuple[Link, Container]]:
    """The containers that this one has links to on a network, as far as there are any."""
    if network_name == BRIDGE:
        texts = container.host_config.links or ()
    else:
        asked = container.endpoints.get(network_name)
        texts = (asked.links if asked else None) or ()
    for text in texts:
        link = parse(text)
        try:
            yield link, registry.find(link.target).container
        except (NotFound, InvalidParameter):
            continue


def check_running(container: Container, registry: Registry) -> None:
    """On the default bridge each link must lead to a container that runs."""
    for text in (container.host_config.links or ()) if BRIDGE in container.endpoints else ():
        link = parse(text)
        other = registry.find(link.target).container
        if other.state.status not in (Status.RUNNING, Status.PAUSED):
            raise InvalidParameter(
                f"Cannot link to a non running container: /{other.name} AS /{container.name}/{link.alias}"
            )


def with_variables(container: Container, registry: Registry) -> Container:
    """The container with the variables of its links on the default bridge; its own win."""
    if not container.host_config.links or BRIDGE not in container.endpoints:
        return container
    variables = environment(container, targets(container, BRIDGE, registry))
    return replace(container, config=replace(container.config, env=(*variables, *container.config.env)))


def host_lines(container: Container, network_name: str, registry: Registry) -> list[str]:
    """The lines of `/etc/hosts` for those links whose other end is on the network now."""
    lines = []
    for link, other in targets(container, network_name, registry):
        place = other.sandbox.endpoint(network_name)
        if place is not None:
            lines += lines_for(link, other, place)
    return lines


def lines_for(link: Link, other: Container, place: Endpoint) -> list[str]:
    """The lines for one link to a container at one place."""
    names = " ".join(dict.fromkeys((link.alias, other.config.hostname, other.name)))
    return [f"{address}\t{names}" for address in (place.ipv4_address, place.ipv6_address) if address]


def environment(container: Container, links: Iterable[tuple[Link, Container]]) -> list[str]:
    """Docker's variables for links on the default bridge: where each port is, the link's name, the other's own."""
    result = []
    for link, other in links:
        place = other.sandbox.endpoint(BRIDGE)
        prefix = link.alias.replace("-", "_").upper()
        ports = exposed(other.config.exposed_ports or ())
        for at, (port, protocol) in enumerate(ports if place else ()):
            assert place is not None
            where = f"{protocol}://{place.ipv4_address}:{port}"
            if at == 0:
                result.append(f"{prefix}_PORT={where}")
            own = f"{prefix}_PORT_{port}_{protocol.upper()}"
            result += [
                f"{own}={where}",
                f"{own}_ADDR={place.ipv4_address}",
                f"{own}_PORT={port}",
                f"{own}_PROTO={protocol}",
            ]
        result.append(f"{prefix}_NAME=/{container.name}/{link.alias}")
        for variable in other.config.env:
            name, equals, value = variable.partition("=")
            if equals and name not in ("HOME", "PATH"):
                result.append(f"{prefix}_ENV_{name}={value}")
    return result
