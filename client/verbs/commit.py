"""`commit`: an image of what a container has become."""

from __future__ import annotations

from client.errors import ClientError
from client.options import Option
from client.output import say
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Make it and print its id."""
    container, *names = arguments.words
    name = names[0] if names else ""
    if "@" in name:
        raise ClientError(f'invalid name "{name}": a digest cannot be given')
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = name, ""
    query = {
        "container": container,
        "repo": repository or None,
        "tag": tag or None,
        "author": arguments.text("author") or None,
        "comment": arguments.text("message") or None,
        "changes": arguments.many("change"),
        "pause": int(arguments.text("pause") not in ("false", "0")),
    }
    say(str(engine.call("POST", "/commit", query)["Id"]))
    return 0


VERB = Verb(
    run,
    (
        Option("author a", "Who made it", "TEXT"),
        Option("change c", "Apply a Dockerfile instruction, such as 'CMD [\"sh\"]'", "INSTRUCTION", many=True),
        Option("message m", "Comment for the image's history", "TEXT"),
        Option("pause p", "Freeze the container meanwhile: true or false (default true)", "BOOL"),
    ),
    words="CONTAINER [REPOSITORY[:TAG]]",
    least=1,
    most=2,
    example="isula-rest commit -m 'with curl' web web:curl",
)
