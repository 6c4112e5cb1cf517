"""`save`: images into an archive."""

from __future__ import annotations

from client import tty
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
    reply = engine.open("GET", "/images/get", {"names": arguments.words})
    with reply:
        if name:
            into_file(reply.blocks(), name)
        else:
            for slices in reply.blocks():
                write_all(1, slices)
    return 0


VERB = Verb(
    run,
    (Option("output o", "Write to this file instead of stdout", "FILE"),),
    words="IMAGE...",
    least=1,
    example="isula-rest save -o images.tar busybox app:1.0",
)
