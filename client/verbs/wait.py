"""`wait`: until containers have stopped."""

from __future__ import annotations

from client import paths
from client.errors import ClientError
from client.many import each
from client.output import say
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Print the exit code of each container, in the order of the names."""
    return each(engine, "POST", arguments.words, lambda name: paths.container(name, "/wait"), show=_show)


def _show(_name: str, answer: Any) -> None:
    problem = ((answer or {}).get("Error") or {}).get("Message")
    if problem:
        raise ClientError(problem)
    say(str((answer or {}).get("StatusCode", 0)))


VERB = Verb(run, (), words="CONTAINER...", least=1, example="isula-rest wait job")
