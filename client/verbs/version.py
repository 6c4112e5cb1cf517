"""`version`: of the client and of the engine."""

from __future__ import annotations

import os
import sys

from client import VERSION
from client import format as layout
from client.errors import ClientError
from client.options import Option
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from client.options import Arguments
    from client.transport import Engine

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
_DETAILS = (
    ("Version", "Version"),
    ("API version", "ApiVersion"),
    ("Go version", "GoVersion"),
    ("Git commit", "GitCommit"),
    ("Built", "BuildTime"),
    ("OS/Arch", "OsArch"),
    ("Experimental", "Experimental"),
)


def run(arguments: Arguments, engine: Engine) -> int:
    """Print the versions; without an engine the client's own, and the reason."""
    problem: ClientError | None = None
    server: dict[str, Any] | None = None
    try:
        server = engine.call("GET", "/version")
    except ClientError as error:
        problem = error
    client = _client(server)
    template = arguments.text("format")
    if template:
        layout.write(layout.value(template, {"Client": client, "Server": server}))
    else:
        layout.write(_block("Client:", client) + (_server(server) if server else ""))
    if problem:
        raise problem
    return 0


def _client(server: dict[str, Any] | None) -> dict[str, str]:
    about = os.uname()
    return {
        "Version": VERSION,
        "ApiVersion": (server or {}).get("ApiVersion", ""),
        "PythonVersion": "{}.{}.{}".format(*sys.version_info[:3]),
        "Os": about.sysname.lower(),
        "Arch": _ARCHITECTURES.get(about.machine, about.machine),
    }


def _block(title: str, client: dict[str, str]) -> str:
    lines = [
        title,
        f" Version:           {client['Version']}",
        f" API version:       {client['ApiVersion'] or 'unknown, no engine answers'}",
        f" Python version:    {client['PythonVersion']}",
        f" OS/Arch:           {client['Os']}/{client['Arch']}",
    ]
    return "\n".join(lines) + "\n"


def _server(server: dict[str, Any]) -> str:
    platform = (server.get("Platform") or {}).get("Name")
    lines = ["", f"Server: {platform}".rstrip() if platform else "Server:"]
    parts = server.get("Components") or [{"Name": "Engine", "Version": server.get("Version"), "Details": server}]
    for part in parts:
        details = {**(part.get("Details") or {}), "Version": part.get("Version")}
        if details.get("MinAPIVersion"):
            details["ApiVersion"] = f"{details.get('ApiVersion')} (minimum version {details['MinAPIVersion']})"
        if details.get("Os"):
            details["OsArch"] = f"{details['Os']}/{details.get('Arch')}"
        lines.append(f" {part.get('Name')}:")
        lines += [f"  {title + ':':<17} {details[key]}" for title, key in _DETAILS if details.get(key)]
    return "\n".join(lines) + "\n"


VERB = Verb(
    run,
    (Option("format f", "json, or a template such as '{{.Server.Version}}'", "TEMPLATE"),),
    most=0,
    example="isula-rest version -f '{{.Server.ApiVersion}}'",
)
