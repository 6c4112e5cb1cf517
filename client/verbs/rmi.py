"""`rmi`: remove images, or some of their names."""

from __future__ import annotations

from client import paths
from client.many import each
from client.options import Option
from client.output import say
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Remove the images, one after the other, and print what became of names and layers."""
    query = {"force": arguments.flag("force"), "noprune": arguments.flag("no-prune")}
    code = 0
    for name in arguments.words:  # in order: a later name may depend on what an earlier one removed
        code |= each(engine, "DELETE", [name], paths.image, query, _show)
    return code


def _show(_name: str, answer: Any) -> None:
    for item in answer or []:
        for word in ("Untagged", "Deleted"):
            if item.get(word):
                say(f"{word}: {item[word]}")


VERB = Verb(
    run,
    (
        Option("force f", "Remove all names of an image given by its id, and images of stopped containers"),
        Option("no-prune", "Keep the nameless images it was built on"),
    ),
    words="IMAGE...",
    least=1,
    example="isula-rest rmi app:1.0",
)
