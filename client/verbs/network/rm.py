"""`network rm`: remove networks."""

from __future__ import annotations

from client import paths
from client.errors import ClientError, EngineError, Unreachable
from client.options import Option
from client.output import say, tell
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Remove the networks; one that isn't there is no failure with `--force`."""
    code = 0
    for name in arguments.words:
        try:
            engine.call("DELETE", paths.network(name))
            say(name)
        except Unreachable:
            raise
        except ClientError as error:
            if arguments.flag("force") and isinstance(error, EngineError) and error.status == 404:
                continue
            tell(error.line())
            code = 1
    return code


VERB = Verb(
    run,
    (Option("force f", "Don't fail if there is no such network"),),
    words="NETWORK...",
    least=1,
    example="isula-rest network rm web",
)
