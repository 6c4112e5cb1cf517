"""`kill`: send containers a signal."""

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
    """Send the signal to each container."""
    query = {"signal": arguments.text("signal") or None}
    return each(engine, "POST", arguments.words, lambda name: paths.container(name, "/kill"), query)


VERB = Verb(
    run,
    (Option("signal s", "The signal, by name or number (KILL)", "SIGNAL"),),
    words="CONTAINER...",
    least=1,
    example="isula-rest kill -s HUP web",
)
