"""`info`: the engine and its host."""

from __future__ import annotations

from client import VERSION
from client import format as layout
from client.options import Option
from client.output import tell
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Print what the engine tells about itself."""
    found = engine.call("GET", "/info")
    if arguments.text("format"):
        client = {"Version": VERSION, "Debug": False}
        layout.write(layout.value(arguments.text("format"), {**found, "ClientInfo": client}))
        return 0
    lines = ["Client:", f" Version:    {VERSION}", "", "Server:", *server_lines(found)]
    layout.write("\n".join(lines) + "\n")
    for warning in found.get("Warnings") or []:
        tell(warning)
    return 0


def server_lines(found: Mapping[str, Any]) -> list[str]:
    """The engine's facts, one a line; what it doesn't tell is left out."""
    plugins = found.get("Plugins") or {}
    lines: list[str] = []

    def add(title: str, value: object, depth: int = 1) -> None:
        if value not in (None, ""):
            lines.append(f"{' ' * depth}{title}: {_plain(value)}")

    add("Containers", found.get("Containers"))
    for title in ("Running", "Paused", "Stopped"):
        add(title, found.get("Containers" + title), 2)
    add("Images", found.get("Images"))
    add("Server Version", found.get("ServerVersion"))
    add("Storage Driver", found.get("Driver"))
    for title, value in found.get("DriverStatus") or []:
        add(title, value, 2)
    add("Logging Driver", found.get("LoggingDriver"))
    add("Cgroup Driver", found.get("CgroupDriver"))
    add("Cgroup Version", found.get("CgroupVersion"))
    if plugins:
        lines.append(" Plugins:")
        for title in ("Volume", "Network", "Authorization", "Log"):
            add(title, " ".join(plugins.get(title) or []), 2)
    add("Swarm", (found.get("Swarm") or {}).get("LocalNodeState"))
    add("Runtimes", " ".join(sorted(found.get("Runtimes") or {})))
    add("Default Runtime", found.get("DefaultRuntime"))
    add("Init Binary", found.get("InitBinary"))
    for title in ("Containerd", "Runc", "Init"):
        add(f"{title.lower()} version", (found.get(title + "Commit") or {}).get("ID"))
    lines += _security(found.get("SecurityOptions") or [])
    add("Kernel Version", found.get("KernelVersion"))
    add("Operating System", found.get("OperatingSystem"))
    add("OSType", found.get("OSType"))
    add("Architecture", found.get("Architecture"))
    add("CPUs", found.get("NCPU"))
    add("Total Memory", layout.binary_size(found.get("MemTotal") or 0))
    add("Name", found.get("Name"))
    add("ID", found.get("ID"))
    add("Root Dir", found.get("DockerRootDir"))
    add("Debug Mode", found.get("Debug"))
    for title, key in (("HTTP Proxy", "HttpProxy"), ("HTTPS Proxy", "HttpsProxy"), ("No Proxy", "NoProxy")):
        add(title, found.get(key))
    if found.get("Labels"):
        lines += [" Labels:", *[f"  {label}" for label in found["Labels"]]]
    add("Experimental", found.get("ExperimentalBuild"))
    add("Live Restore Enabled", found.get("LiveRestoreEnabled"))
    return lines


def _security(options: list[str]) -> list[str]:
    """`name=seccomp,profile=builtin` as a name with its facts below."""
    lines = [" Security Options:"] if options else []
    for option in options:
        fields = [part.partition("=") for part in option.split(",")]
        names = [value if equals else key for key, equals, value in fields if key == "name" or not equals]
        lines.append(f"  {names[0] if names else option}")
        lines += [f"   {key.capitalize()}: {value}" for key, equals, value in fields if equals and key != "name"]
    return lines


def _plain(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


VERB = Verb(
    run,
    (Option("format f", "json, or a template such as '{{.ServerVersion}}'", "TEMPLATE"),),
    most=0,
    example="isula-rest info -f '{{.Driver}} {{.NCPU}}'",
)
