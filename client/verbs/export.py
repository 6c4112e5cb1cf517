"""`export`: the root file system of a container as a tar."""

from __future__ import annotations

from client import paths, tty
from client.errors import ClientError
from client.files import into_file
from client.options import Option
from client.output import write_all
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Write the archive; a file appears under its name only once it is complete."""
    name = arguments.text("output")
    if not name and tty.is_terminal(1):
        raise ClientError("an archive would clutter the terminal: redirect it, or name a file with -o")
    with engine.open("GET", paths.container(arguments.words[0], "/export")) as reply:
        if name:
            into_file(reply.blocks(), name)
        else:
            for slices in reply.blocks():
                write_all(1, slices)
    return 0


VERB = Verb(
    run,
    (Option("output o", "Write to this file instead of stdout", "FILE"),),
    words="CONTAINER",
    least=1,
    most=1,
    example="isula-rest export -o web.tar web",
)
