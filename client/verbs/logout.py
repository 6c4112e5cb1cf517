"""`logout`: forget the credentials for a registry."""

from __future__ import annotations

from client.credentials import HUB, Credentials, address_of
from client.output import say
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:  # noqa: ARG001 - every verb gets the engine
    """Forget them."""
    registry = address_of(arguments.words[0] if arguments.words else HUB)
    known = Credentials().erase(registry)
    say(f"Removing login credentials for {registry}" if known else f"Not logged in to {registry}")
    return 0


VERB = Verb(run, (), words="[REGISTRY]", most=1, example="isula-rest logout registry.example")
