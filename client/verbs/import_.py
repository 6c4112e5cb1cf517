"""`import`: an image out of an archive of a file system."""

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
    """Send the archive and print the id of the new image."""
    source, *names = arguments.words
    repository, tag = _split(names[0]) if names else ("", "")
    remote = source.startswith(("http://", "https://"))
    query = {
        "fromSrc": source if remote else "-",
        "repo": repository or None,
        "tag": tag or None,
        "message": arguments.text("message") or None,
        "changes": arguments.many("change"),
        "platform": arguments.text("platform") or None,
    }
    if remote:
        reply = engine.open("POST", "/images/create", query)
    else:
        if source == "-" and tty.is_terminal(0):
            raise ClientError("an archive is wanted on stdin")
        try:
            descriptor = os.dup(0) if source == "-" else os.open(source, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise ClientError(f"open {source}: {(error.strerror or str(error)).lower()}") from error
        try:
            reply = engine.open("POST", "/images/create", query, upload=descriptor)
        finally:
            os.close(descriptor)
    with reply:
        Progress(1, tty.is_terminal(1)).follow(reply.lines())
    return 0


def _split(name: str) -> tuple[str, str]:
    """A name as repository and tag; a registry's port is not a tag."""
    repository, colon, tag = name.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (name, "")


VERB = Verb(
    run,
    (
        Option("change c", "Apply a Dockerfile instruction, such as 'CMD [\"sh\"]'", "INSTRUCTION", many=True),
        Option("message m", "Comment for the image's history", "TEXT"),
        Option("platform", "Platform of the image", "OS/ARCH"),
    ),
    words="FILE|URL|- [REPOSITORY[:TAG]]",
    least=1,
    most=2,
    example="isula-rest import -c 'CMD [\"sh\"]' rootfs.tar.gz busybox",
)
