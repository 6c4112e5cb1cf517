"""`rename`: another name for a container."""

from __future__ import annotations

from client import paths
from client.errors import ClientError
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Rename the container."""
    old, new = (word.strip() for word in arguments.words)
    if not new:
        raise ClientError("the new name is empty")
    engine.call("POST", paths.container(old, "/rename"), {"name": new})
    return 0


VERB = Verb(run, (), words="CONTAINER NEW_NAME", least=2, most=2, example="isula-rest rename web web-old")
