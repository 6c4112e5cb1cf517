"""`create`: as `run`, but the container is not started."""

from __future__ import annotations

from client.container_options import RARE, USUAL
from client.creation import create
from client.output import say
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Create the container and print its id."""
    say(create(arguments, engine, detached=False))
    return 0


VERB = Verb(
    run,
    (*USUAL, *RARE),
    words="IMAGE [COMMAND] [ARG...]",
    least=1,
    greedy=True,
    example="isula-rest create --name web busybox httpd -f",
)
