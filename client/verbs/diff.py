"""`diff`: what a container has changed over its image."""

from __future__ import annotations

from client import paths
from client.output import say
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine

_KINDS = "CAD"


def run(arguments: Arguments, engine: Engine) -> int:
    """A line a path: C changed, A added, D deleted."""
    for change in engine.call("GET", paths.container(arguments.words[0], "/changes")) or ():
        say(f"{_KINDS[change['Kind']]} {change['Path']}")
    return 0


VERB = Verb(
    run,
    (),
    words="CONTAINER",
    least=1,
    most=1,
    example="isula-rest diff web",
    note="C is changed, A added, D deleted.",
)
