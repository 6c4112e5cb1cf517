"""`pull`: images from a registry."""

from __future__ import annotations

from client import tty
from client.credentials import Credentials, registry_of
from client.errors import ClientError
from client.options import Option
from client.output import say
from client.progress import Progress
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Pull, show how it goes on, print the name at the end."""
    name = arguments.words[0]
    quiet = arguments.flag("quiet")
    fetch(engine, name, arguments.text("platform"), quiet=quiet, all_tags=arguments.flag("all-tags"))
    say(named(name) if not arguments.flag("all-tags") else name)
    return 0


def named(name: str) -> str:
    """The name with `latest` if it has neither tag nor digest."""
    return name if "@" in name or ":" in name.rpartition("/")[2] else f"{name}:latest"


def fetch(engine: Engine, name: str, platform: str, *, quiet: bool, all_tags: bool = False) -> None:
    """Have the engine pull an image; progress goes to stdout unless `quiet`."""
    if all_tags and named(name) == name:
        raise ClientError("tag can't be used with --all-tags/-a")
    query = {"fromImage": name if all_tags else named(name), "platform": platform or None}
    headers = {"X-Registry-Auth": Credentials().header(registry_of(name))}
    with engine.open("POST", "/images/create", query, headers=headers) as reply:
        Progress(1, tty.is_terminal(1) and not quiet, quiet, silent=quiet).follow(reply.lines())


VERB = Verb(
    run,
    (
        Option("all-tags a", "All images of the repository"),
        Option("platform", "Platform of the image", "OS/ARCH"),
        Option("quiet q", "Print the name only"),
    ),
    words="NAME[:TAG|@DIGEST]",
    least=1,
    most=1,
    example="isula-rest pull registry.example/app:1.0",
)
