"""`network ls`: the networks, one a line."""

from __future__ import annotations

from client import format as layout
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

_HEADERS = {
    "CreatedAt": "CREATED AT",
    "Driver": "DRIVER",
    "ID": "NETWORK ID",
    "IPv4": "IPV4",
    "IPv6": "IPV6",
    "Internal": "INTERNAL",
    "Labels": "LABELS",
    "Name": "NAME",
    "Scope": "SCOPE",
}
_COLUMNS = ("ID", "Name", "Driver", "Scope")


def run(arguments: Arguments, engine: Engine) -> int:
    """List the networks."""
    try:
        query = {"filters": filters(arguments.many("filter"))}
    except ValueError as error:
        raise ClientError(str(error)) from error
    found = sorted(engine.call("GET", "/networks", query) or [], key=lambda item: str(item["Name"]))
    rows = [network_row(item, arguments.flag("no-trunc")) for item in found]
    template = arguments.text("format")
    if template and template != "table":
        layout.write(layout.render(template, rows, _HEADERS))
    elif arguments.flag("quiet"):
        layout.write("".join([row["ID"] + "\n" for row in rows]))
    else:
        lines = [[_HEADERS[column] for column in _COLUMNS]]
        layout.write(layout.table(lines + [[row[column] for column in _COLUMNS] for row in rows]))
    return 0


def network_row(item: Mapping[str, Any], full: bool) -> dict[str, Any]:
    """One network as texts."""
    labels = item.get("Labels") or {}
    return {
        "CreatedAt": item.get("Created") or "",
        "Driver": item.get("Driver") or "",
        "ID": item["Id"] if full else item["Id"][:12],
        "IPv4": "true" if item.get("EnableIPv4", True) else "false",
        "IPv6": "true" if item.get("EnableIPv6") else "false",
        "Internal": "true" if item.get("Internal") else "false",
        "Label": lambda name: labels.get(name, ""),
        "Labels": ",".join([f"{key}={labels[key]}" for key in sorted(labels)]),
        "Name": item["Name"],
        "Scope": item.get("Scope") or "",
    }


VERB = Verb(
    run,
    (
        Option("filter f", "Only those with …, such as driver=bridge or label=KEY=VALUE", "KEY=VALUE", many=True),
        Option("format", "json, or a template such as '{{.Name}}'", "TEMPLATE"),
        Option("no-trunc", "Show ids in full"),
        Option("quiet q", "Only ids"),
    ),
    most=0,
    example="isula-rest network ls -f dangling=true",
)
