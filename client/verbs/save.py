"""`save`: images into an archive."""

from __future__ import annotations

import os

from client import tty
from client.errors import ClientError
from client.options import Option
from client.output import write_all
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine, Reply


def run(arguments: Arguments, engine: Engine) -> int:
    """Write the archive; a file appears under its name only once it is complete."""
    name = arguments.text("output")
    if not name and tty.is_terminal(1):
        raise ClientError("an archive would clutter the terminal: redirect it, or name a file with -o")
    reply = engine.open("GET", "/images/get", {"names": arguments.words})
    with reply:
        if name:
            _into_file(reply, name)
        else:
            for slices in reply.blocks():
                write_all(1, slices)
    return 0


def _into_file(reply: Reply, name: str) -> None:
    """Write beside the file and rename; a device or pipe is written as it is."""
    special = os.path.exists(name) and not os.path.isfile(name)
    part = name if special else f"{name}.{os.getpid()}.part"
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CLOEXEC | (0 if special else os.O_CREAT | os.O_EXCL), 0o600)
        try:
            for slices in reply.blocks():
                write_all(descriptor, slices)
        finally:
            os.close(descriptor)
        if not special:
            os.rename(part, name)
    except OSError as error:
        _discard(part, special)
        raise ClientError(f"{name}: {(error.strerror or str(error)).lower()}") from error
    except BaseException:
        _discard(part, special)
        raise


def _discard(part: str, special: bool) -> None:
    if not special and os.path.exists(part):
        os.unlink(part)


VERB = Verb(
    run,
    (Option("output o", "Write to this file instead of stdout", "FILE"),),
    words="IMAGE...",
    least=1,
    example="isula-rest save -o images.tar busybox app:1.0",
)
