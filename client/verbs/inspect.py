"""`inspect`: everything about containers and images."""

from __future__ import annotations

import json

from client import format as layout
from client import paths
from client.errors import ClientError, EngineError
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
    found, code = [], 0
    for name in arguments.words:
        try:
            found.append(_look_up(engine, name, arguments.text("type"), arguments.flag("size")))
        except EngineError as error:
            kind = arguments.text("type") or "object"
            if error.status == 404:
                found.append(ClientError(f"no such {kind}: {name}"))
            else:
                found.append(error)
            break
    template = arguments.text("format")
    things = [item for item in found if not isinstance(item, ClientError)]
    if template:
        layout.write("".join([layout.value(template, item) for item in things]))
    else:
        layout.write(json.dumps(things, ensure_ascii=False, indent=4) + "\n")
    for item in found:
        if isinstance(item, ClientError):
            tell(item.line())
            code = 1
    return code


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
