"""`history`: how an image was made, the newest step first."""

from __future__ import annotations

import time

from client import format as layout
from client import moments, paths
from client.options import Option
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from client.options import Arguments
    from client.transport import Engine

_HEADERS = {
    "Comment": "COMMENT",
    "CreatedAt": "CREATED AT",
    "CreatedBy": "CREATED BY",
    "CreatedSince": "CREATED",
    "ID": "IMAGE",
    "Size": "SIZE",
}
_COLUMNS = ("ID", "CreatedSince", "CreatedBy", "Size", "Comment")


def run(arguments: Arguments, engine: Engine) -> int:
    """List the steps."""
    found = engine.call("GET", paths.image(arguments.words[0], "/history")) or []
    full, human = arguments.flag("no-trunc"), arguments.flag("human")
    now = time.time()
    rows = [row(item, full, human, now) for item in found]
    template = arguments.text("format")
    if arguments.flag("quiet") and not template:
        layout.write("".join([item["ID"] + "\n" for item in rows]))
    elif template and template != "table":
        layout.write(layout.render(template, rows, _HEADERS))
    else:
        headers = {**_HEADERS, "CreatedSince": "CREATED" if human else "CREATED AT"}
        lines = [[headers[column] for column in _COLUMNS]]
        layout.write(layout.table(lines + [[item[column] for column in _COLUMNS] for item in rows]))
    return 0


def row(item: Mapping[str, Any], full: bool, human: bool, now: float) -> dict[str, Any]:
    """One step as texts."""
    created = item.get("Created") or 0
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(created))
    by = (item.get("CreatedBy") or "").replace("\t", " ")
    identifier = item.get("Id") or "<missing>"
    size = item.get("Size") or 0
    return {
        "Comment": item.get("Comment") or "",
        "CreatedAt": moment,
        "CreatedBy": by if full else layout.cut(by, 45),
        "CreatedSince": moments.ago(now - created) + " ago" if human else moment,
        "ID": identifier if full else identifier.removeprefix("sha256:")[:12],
        "Size": layout.size(size) if human else str(size),
    }


VERB = Verb(
    run,
    (
        Option("format", "json, or a template such as '{{.CreatedBy}}'", "TEMPLATE"),
        Option("human H", "Show sizes and times for people (true)", default=True),
        Option("no-trunc", "Show ids and commands in full"),
        Option("quiet q", "Only ids"),
    ),
    words="IMAGE",
    least=1,
    most=1,
    example="isula-rest history --no-trunc busybox",
)
