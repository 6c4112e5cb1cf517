"""`rm`: remove containers."""

from __future__ import annotations

from client import paths
from client.many import each
from client.options import Option
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Remove the containers."""
    query = {"force": arguments.flag("force"), "v": arguments.flag("volumes")}
    return each(engine, "DELETE", arguments.words, paths.container, query)


VERB = Verb(
    run,
    (
        Option("force f", "Kill those that run"),
        Option("volumes v", "Remove their volumes that have no name, too"),
    ),
    words="CONTAINER...",
    least=1,
    example="isula-rest rm -f $(isula-rest ps -aq)",
)
