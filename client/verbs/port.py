"""`port`: where a container's ports are on the host."""

from __future__ import annotations

from client import format as layout
from client import paths
from client.errors import ClientError
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Print all of them, or those of one port, one a line."""
    name, *wanted = arguments.words
    ports = (engine.call("GET", paths.container(name, "/json")).get("NetworkSettings") or {}).get("Ports") or {}
    if not wanted:
        lines = [f"{port} -> {where(one)}" for port in sorted(ports, key=_order) for one in ports[port] or []]
        layout.write("".join(f"{line}\n" for line in lines))
        return 0
    port = wanted[0].lower() if "/" in wanted[0] else f"{wanted[0]}/tcp"
    if not ports.get(port):
        raise ClientError(f"no public port '{port}' published for {name}")
    layout.write("".join(f"{where(one)}\n" for one in ports[port]))
    return 0


def where(binding: dict[str, Any]) -> str:
    """A place on the host: `0.0.0.0:8080`, `[::]:8080`."""
    address = binding.get("HostIp") or "0.0.0.0"  # noqa: S104 - what an engine means that names none
    return f"[{address}]:{binding['HostPort']}" if ":" in address else f"{address}:{binding['HostPort']}"


def _order(port: str) -> tuple[int, str]:
    number, _, protocol = port.partition("/")
    return (int(number) if number.isdigit() else 0, protocol)


VERB = Verb(run, (), words="CONTAINER [PORT[/PROTOCOL]]", least=1, most=2, example="isula-rest port web 80")
