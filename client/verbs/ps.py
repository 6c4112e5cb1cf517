"""`ps`: the containers, one a line."""

from __future__ import annotations

import json
import time

from client import format as layout
from client import moments
from client.errors import ClientError
from client.options import Option
from client.values import filters, integer
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from client.options import Arguments
    from client.transport import Engine

_HEADERS = {
    "Command": "COMMAND",
    "CreatedAt": "CREATED AT",
    "ID": "CONTAINER ID",
    "Image": "IMAGE",
    "Labels": "LABELS",
    "LocalVolumes": "LOCAL VOLUMES",
    "Mounts": "MOUNTS",
    "Names": "NAMES",
    "Networks": "NETWORKS",
    "Ports": "PORTS",
    "RunningFor": "CREATED",
    "Size": "SIZE",
    "State": "STATE",
    "Status": "STATUS",
}
_COLUMNS = ("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names")


def run(arguments: Arguments, engine: Engine) -> int:
    """List the containers."""
    template = arguments.text("format")
    with_size = arguments.flag("size") or ".Size" in template
    limit = 1 if arguments.flag("latest") else arguments.value("last")
    try:
        query = {
            "all": arguments.flag("all"),
            "size": with_size,
            "limit": limit if limit and limit > 0 else None,
            "filters": filters(arguments.many("filter")),
        }
    except ValueError as error:
        raise ClientError(str(error)) from error
    found = engine.call("GET", "/containers/json", query) or []
    full = arguments.flag("no-trunc")
    if arguments.flag("quiet") and not template:
        layout.write("".join([item["Id"][: None if full else 12] + "\n" for item in found]))
        return 0
    now = time.time()
    rows = [row(item, full, now) for item in found]
    if template and template != "table":
        layout.write(layout.render(template, rows, _HEADERS))
        return 0
    columns = (*_COLUMNS, "Size") if with_size else _COLUMNS
    lines = [[_HEADERS[column] for column in columns]]
    lines += [[item[column] for column in columns] for item in rows]
    layout.write(layout.table(lines))
    return 0


def row(item: Mapping[str, Any], full: bool, now: float) -> dict[str, Any]:
    """One container as texts, by the names that `--format` knows."""
    labels = item.get("Labels") or {}
    mounts = [mount.get("Name") or mount.get("Source") or "" for mount in item.get("Mounts") or []]
    image = item.get("Image") or "<no image>"
    if image == item.get("ImageID") and not full:
        image = image.removeprefix("sha256:")[:12]
    command = item.get("Command") or ""
    names = [name.lstrip("/") for name in item.get("Names") or []]
    return {
        "Command": json.dumps(command if full else layout.cut(command, 20), ensure_ascii=False),
        "CreatedAt": moments.local(item["Created"]),
        "ID": item["Id"] if full else item["Id"][:12],
        "Image": image,
        "Label": lambda name: labels.get(name, ""),
        "Labels": ",".join([f"{key}={labels[key]}" for key in sorted(labels)]),
        "LocalVolumes": str(sum([mount.get("Driver") == "local" for mount in item.get("Mounts") or []])),
        "Mounts": ",".join(mounts if full else [layout.cut(name, 15) for name in mounts]),
        "Names": ",".join(names if full else [name for name in names if "/" not in name]),
        "Networks": ",".join(sorted((item.get("NetworkSettings") or {}).get("Networks") or {})),
        "Ports": ports(item.get("Ports") or []),
        "RunningFor": moments.ago(now - item["Created"]) + " ago",
        "Size": _size(item),
        "State": item.get("State") or "",
        "Status": item.get("Status") or "",
    }


def _size(item: Mapping[str, Any]) -> str:
    """The container's own bytes, and with its image's."""
    own, virtual = item.get("SizeRw") or 0, item.get("SizeRootFs") or 0
    return layout.size(own) + (f" (virtual {layout.size(virtual)})" if virtual > 0 else "")


def ports(found: list[dict[str, Any]]) -> str:
    """Ports in short: `0.0.0.0:8080->80/tcp, 5000-5002/tcp`; neighbours become ranges."""
    ordered = sorted(
        found,
        key=lambda port: (port["PrivatePort"], port.get("IP", ""), port.get("PublicPort", 0), port["Type"]),
    )
    ranges: dict[tuple[str, str], list[int]] = {}
    done: list[str] = []
    mapped: list[str] = []
    for port in ordered:
        inside, address, kind = port["PrivatePort"], port.get("IP") or "", port["Type"]
        if address and port.get("PublicPort") != inside:
            mapped.append(f"{_host(address)}:{port.get('PublicPort')}->{inside}/{kind}")
            continue
        key = (address, kind)
        if key in ranges and inside == ranges[key][1] + 1:
            ranges[key][1] = inside
            continue
        if key in ranges:
            done.append(_group(key, *ranges[key]))
        ranges[key] = [inside, inside]
    done += [_group(key, *ends) for key, ends in ranges.items()]
    return ", ".join(done + mapped)


def _group(key: tuple[str, str], first: int, last: int) -> str:
    text = str(first) if first == last else f"{first}-{last}"
    return (f"{_host(key[0])}:{text}->{text}" if key[0] else text) + "/" + key[1]


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


VERB = Verb(
    run,
    (
        Option("all a", "Also those that don't run"),
        Option("filter f", "Only those with …, such as status=exited or label=a=b", "KEY=VALUE", many=True),
        Option("format", "json, or a template such as '{{.Names}}' or 'table {{.ID}}\\t{{.Status}}'", "TEMPLATE"),
        Option("last n", "The newest so many, running or not", "NUMBER", integer),
        Option("latest l", "The newest one"),
        Option("no-trunc", "Show ids, commands and mounts in full"),
        Option("quiet q", "Only ids"),
        Option("size s", "Show what each takes on disk"),
    ),
    most=0,
    example="isula-rest ps -a --filter status=exited --format '{{.Names}} {{.Status}}'",
)
