"""`push`: images to a registry."""

from __future__ import annotations

from client import paths, tty
from client.credentials import Credentials, registry_of
from client.errors import ClientError
from client.options import Option
from client.output import say
from client.progress import Progress
from client.verb import Verb
from client.verbs.pull import named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Push and show how it goes on."""
    name = arguments.words[0]
    quiet, all_tags = arguments.flag("quiet"), arguments.flag("all-tags")
    if "@" in name:
        raise ClientError("cannot push a digest reference")
    if all_tags and named(name) == name:
        raise ClientError("tag can't be used with --all-tags/-a")
    whole = name if all_tags else named(name)
    repository, tag = (whole, None) if all_tags else (whole.rpartition(":")[0], whole.rpartition(":")[2])
    headers = {"X-Registry-Auth": Credentials().header(registry_of(name))}
    with engine.open("POST", paths.image(repository, "/push"), {"tag": tag}, headers=headers) as reply:
        Progress(1, tty.is_terminal(1) and not quiet, quiet, silent=quiet).follow(reply.lines())
    if quiet:
        say(whole)
    return 0


VERB = Verb(
    run,
    (Option("all-tags a", "All tags of the repository"), Option("quiet q", "Print the name only")),
    words="NAME[:TAG]",
    least=1,
    most=1,
    example="isula-rest push registry.example/app:1.0",
)
