"""`top`: the processes of a container, as ps shows them."""

from __future__ import annotations

from client import format as layout
from client import paths
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Print the processes; words behind the container are options for ps."""
    name, *options = arguments.words
    found = engine.call("GET", paths.container(name, "/top"), {"ps_args": " ".join(options) or None})
    layout.write(layout.table([found["Titles"], *(found["Processes"] or [])], least=20))
    return 0


VERB = Verb(run, (), words="CONTAINER [PS_OPTION...]", least=1, greedy=True, example="isula-rest top web -o pid,cmd")
