"""`network connect`: put a container on a network."""

from __future__ import annotations

from client import paths
from client.options import Option
from client.values import integer
from client.verb import Verb
from client.verbs.network.create import pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Connect the container, at once if it runs, else with its next start."""
    network, container = arguments.words
    ipam: dict[str, Any] = {
        "IPv4Address": arguments.text("ip"),
        "IPv6Address": arguments.text("ip6"),
        "LinkLocalIPs": arguments.many("link-local-ip"),
    }
    endpoint: dict[str, Any] = {
        "Aliases": arguments.many("alias"),
        "Links": arguments.many("link"),
        "DriverOpts": pairs(arguments.many("driver-opt")),
        "GwPriority": arguments.value("gw-priority") or 0,
        "MacAddress": arguments.text("mac-address"),
    }
    if any(ipam.values()):
        endpoint["IPAMConfig"] = {key: value for key, value in ipam.items() if value}
    body = {"Container": container, "EndpointConfig": {key: value for key, value in endpoint.items() if value}}
    engine.call("POST", paths.network(network, "/connect"), body=body)
    return 0


VERB = Verb(
    run,
    (
        Option("alias", "One more name for the container there", "NAME", many=True),
        Option("driver-opt", "Option of the driver", "KEY=VALUE", many=True),
        Option("gw-priority", "The network with the highest has the way out", "NUMBER", integer),
        Option("ip", "IPv4 address", "ADDRESS"),
        Option("ip6", "IPv6 address", "ADDRESS"),
        Option("link", "Find another container there by this name", "CONTAINER:NAME", many=True),
        Option("link-local-ip", "Link-local address", "ADDRESS", many=True),
        Option("mac-address", "Hardware address", "MAC"),
    ),
    words="NETWORK CONTAINER",
    least=2,
    most=2,
    example="isula-rest network connect --ip 10.1.0.9 --alias db web c1",
)
