"""`images`: the images, one name a line."""

from __future__ import annotations

import time

from client import format as layout
from client import moments
from client.errors import ClientError
from client.options import Option
from client.values import filters
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from client.options import Arguments
    from client.transport import Engine

_NONE = "<none>"
_HEADERS = {
    "Containers": "CONTAINERS",
    "CreatedAt": "CREATED AT",
    "CreatedSince": "CREATED",
    "Digest": "DIGEST",
    "ID": "IMAGE ID",
    "Repository": "REPOSITORY",
    "SharedSize": "SHARED SIZE",
    "Size": "SIZE",
    "Tag": "TAG",
    "UniqueSize": "UNIQUE SIZE",
    "VirtualSize": "SIZE",
}


def run(arguments: Arguments, engine: Engine) -> int:
    """List the images."""
    wanted = list(arguments.many("filter"))
    if arguments.words:
        wanted.append("reference=" + arguments.words[0])
    try:
        query = {"all": arguments.flag("all"), "filters": filters(wanted)}
    except ValueError as error:
        raise ClientError(str(error)) from error
    found = engine.call("GET", "/images/json", query) or []
    full, digests = arguments.flag("no-trunc"), arguments.flag("digests")
    template, now = arguments.text("format"), time.time()
    names = digests or ".Digest" in template
    rows = [row for item in found for row in image_rows(item, full, names, now)]
    if template and template != "table":
        layout.write(layout.render(template, rows, _HEADERS))
    elif arguments.flag("quiet"):
        layout.write("".join([row["ID"] + "\n" for row in rows]))
    else:
        columns = ["Repository", "Tag", "Digest", "ID", "CreatedSince", "Size"]
        if not digests:
            columns.remove("Digest")
        lines = [[_HEADERS[column] for column in columns]]
        layout.write(layout.table(lines + [[row[column] for column in columns] for row in rows]))
    return 0


def image_rows(item: Mapping[str, Any], full: bool, digests: bool, now: float) -> list[dict[str, Any]]:
    """One image as texts, a row for each of its names."""
    tags = [name.rpartition(":") for name in item.get("RepoTags") or [] if name != "<none>:<none>"]
    known = [name.partition("@") for name in item.get("RepoDigests") or [] if name != "<none>@<none>"]
    names: list[tuple[str, str, str]] = []
    for repository, _, tag in tags:
        own = [digest for other, _, digest in known if other == repository] if digests else []
        names += [(repository, tag, digest) for digest in own or [_NONE]]
    tagged = {repository for repository, _, _ in tags}
    if digests or not tags:
        names += [(repository, _NONE, digest) for repository, _, digest in known if repository not in tagged]
    identifier = item["Id"] if full else item["Id"].removeprefix("sha256:")[:12]
    shared = item.get("SharedSize", -1)
    total = layout.size(item.get("Size") or 0)
    return [
        {
            "Containers": "N/A" if item.get("Containers", -1) < 0 else str(item["Containers"]),
            "CreatedAt": moments.local(item["Created"]),
            "CreatedSince": moments.ago(now - item["Created"]) + " ago",
            "Digest": digest,
            "ID": identifier,
            "Repository": repository,
            "SharedSize": "N/A" if shared < 0 else layout.size(shared),
            "Size": total,
            "Tag": tag,
            "UniqueSize": "N/A" if shared < 0 else layout.size((item.get("Size") or 0) - shared),
            "VirtualSize": total,
        }
        for repository, tag, digest in names or [(_NONE, _NONE, _NONE)]
    ]


VERB = Verb(
    run,
    (
        Option("all a", "Also those without a name that others are built on"),
        Option("digests", "Show digests"),
        Option("filter f", "Only those with …, such as dangling=true or reference=busy*", "KEY=VALUE", many=True),
        Option("format", "json, or a template such as '{{.Repository}}:{{.Tag}}'", "TEMPLATE"),
        Option("no-trunc", "Show ids in full"),
        Option("quiet q", "Only ids"),
    ),
    words="[REPOSITORY[:TAG]]",
    most=1,
    example="isula-rest images --format '{{.Repository}}:{{.Tag}} {{.Size}}'",
)
