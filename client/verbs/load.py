"""`load`: images out of an archive."""

from __future__ import annotations

import os

from client import tty
from client.errors import ClientError
from client.options import Option
from client.progress import Progress
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Send the archive and print the names of what was loaded."""
    name = arguments.text("input")
    if not name and tty.is_terminal(0):
        raise ClientError("an archive is wanted on stdin, or name one with -i")
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC) if name else os.dup(0)
    except OSError as error:
        raise ClientError(f"open {name or 'stdin'}: {(error.strerror or str(error)).lower()}") from error
    terminal = tty.is_terminal(1)
    quiet = arguments.flag("quiet") or not terminal
    try:
        reply = engine.open("POST", "/images/load", {"quiet": int(quiet)}, upload=descriptor)
    finally:
        os.close(descriptor)
    with reply:
        Progress(1, terminal, quiet).follow(reply.lines())
    return 0


VERB = Verb(
    run,
    (
        Option("input i", "Read this archive instead of stdin", "FILE"),
        Option("quiet q", "Don't show how it goes on"),
    ),
    most=0,
    example="isula-rest load -i busybox.tar.zst",
)
