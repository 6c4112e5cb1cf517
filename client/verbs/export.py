"""`export`: the root file system of a container as a tar."""

from __future__ import annotations

from client import paths
from client.files import check_place, deliver
from client.options import Option
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Write the archive; a file appears under its name only once it is complete."""
    name = arguments.text("output")
    check_place(name)
    deliver(engine.open("GET", paths.container(arguments.words[0], "/export")), name)
    return 0


VERB = Verb(
    run,
    (Option("output o", "Write to this file instead of stdout", "FILE"),),
    words="CONTAINER",
    least=1,
    most=1,
    example="isula-rest export -o web.tar web",
)
