"""`network inspect`: everything about networks."""

from __future__ import annotations

import json

from client import format as layout
from client import paths
from client.errors import EngineError
from client.options import Option
from client.output import tell
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Print the networks as one JSON array, or each by a template. Those that are not there are told."""
    things, problems = [], []
    for name in arguments.words:
        try:
            things.append(engine.call("GET", paths.network(name), {"verbose": arguments.flag("verbose")}))
        except EngineError as error:
            problems.append(error.line())
    template = arguments.text("format")
    if template:
        layout.write("".join([layout.value(template, item) for item in things]))
    else:
        layout.write(json.dumps(things, ensure_ascii=False, indent=4) + "\n")
    for problem in problems:
        tell(problem)
    return 1 if problems else 0


VERB = Verb(
    run,
    (
        Option("format f", "json, or a template such as '{{.Driver}}'", "TEMPLATE"),
        Option("verbose v", "Changes nothing: there are no services"),
    ),
    words="NETWORK...",
    least=1,
    example="isula-rest network inspect -f '{{range .IPAM.Config}}{{.Subnet}}{{end}}' web",
)
