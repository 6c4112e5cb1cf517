"""`network prune`: remove all networks that no container is on."""

from __future__ import annotations

import sys

from client.errors import ClientError
from client.options import Option
from client.output import say, tell
from client.values import filters
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine

_WARNING = """WARNING! This will remove all networks that no container is on.
Are you sure you want to continue? [y/N] """


def run(arguments: Arguments, engine: Engine) -> int:
    """Ask, unless told not to, and remove them."""
    try:
        query = {"filters": filters(arguments.many("filter"))}
    except ValueError as error:
        raise ClientError(str(error)) from error
    if not arguments.flag("force") and not _agreed():
        tell("network prune has been cancelled")
        return 1
    removed = engine.call("POST", "/networks/prune", query).get("NetworksDeleted") or []
    if removed:
        say("Deleted Networks:\n" + "\n".join(removed) + "\n")
    return 0


def _agreed() -> bool:
    sys.stdout.write(_WARNING)
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


VERB = Verb(
    run,
    (
        Option("filter", "Only those with …: until=24h, label=KEY, label!=KEY", "KEY=VALUE", many=True),
        Option("force f", "Don't ask"),
    ),
    most=0,
    example="isula-rest network prune -f --filter until=24h",
)
