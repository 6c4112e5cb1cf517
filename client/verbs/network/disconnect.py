"""`network disconnect`: take a container off a network."""

from __future__ import annotations

from client import paths
from client.options import Option
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Disconnect the container."""
    network, container = arguments.words
    body = {"Container": container, "Force": arguments.flag("force")}
    engine.call("POST", paths.network(network, "/disconnect"), body=body)
    return 0


VERB = Verb(
    run,
    (Option("force f", "Also from a network that is gone"),),
    words="NETWORK CONTAINER",
    least=2,
    most=2,
    example="isula-rest network disconnect web c1",
)
