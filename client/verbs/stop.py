"""`stop`: ask containers to end, and end them if they don't."""

from __future__ import annotations

from client import paths
from client.many import each
from client.options import Option
from client.values import integer
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Stop the containers, all at once."""
    query = {"t": arguments.value("timeout"), "signal": arguments.text("signal") or None}
    return each(engine, "POST", arguments.words, lambda name: paths.container(name, "/stop"), query)


VERB = Verb(
    run,
    (
        Option("timeout t time", "Wait so long before killing; -1: for ever (10)", "SECONDS", integer),
        Option("signal s", "The signal to ask with (the container's own, else TERM)", "SIGNAL"),
    ),
    words="CONTAINER...",
    least=1,
    example="isula-rest stop -t 3 web db",
)
