"""`inspect`: everything about containers and images."""

from __future__ import annotations

import json

from client import format as layout
from client import paths
from client.errors import EngineError
from client.options import Option
from client.output import tell
from client.values import one_of
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Print the objects as one JSON array, or each by a template."""
    kind = arguments.text("type")
    things = []
    problem = ""
    for name in arguments.words:
        try:
            things.append(_look_up(engine, name, kind, arguments.flag("size")))
        except EngineError as error:
            missing = error.status == 404 and not kind
            problem = f"Error: No such object: {name}" if missing else error.line()
            break
    template = arguments.text("format")
    if template:
        layout.write("".join([layout.value(template, item) for item in things]))
    else:
        layout.write(json.dumps(things, ensure_ascii=False, indent=4) + "\n")
    if problem:
        tell(problem)
        return 1
    return 0


def _look_up(engine: Engine, name: str, kind: str, size: bool) -> Any:
    """The container of that name, else the image; raises the last EngineError."""
    if kind in ("", "container"):
        try:
            return engine.call("GET", paths.container(name, "/json"), {"size": size})
        except EngineError as error:
            if kind or error.status != 404:
                raise
    return engine.call("GET", paths.image(name, "/json"))


VERB = Verb(
    run,
    (
        Option("format f", "json, or a template such as '{{.State.Status}}'", "TEMPLATE"),
        Option("size s", "Show what a container takes on disk"),
        Option("type", "Only look for one kind: container or image", "KIND", one_of("container", "image")),
    ),
    words="NAME...",
    least=1,
    example="isula-rest inspect -f '{{.State.Pid}} {{json .Config.Env}}' web",
)
