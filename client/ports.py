"""Ports as people write them: `-p [IP:][HOST:]CONTAINER[/PROTOCOL]`, single or as ranges. ValueErrors tell why."""

from __future__ import annotations

from client.values import is_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_PROTOCOLS = ("tcp", "udp", "sctp")


def published(entries: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    """The engine's PortBindings for `-p` values."""
    bindings: dict[str, list[dict[str, str]]] = {}
    for entry in entries:
        address, host, container, protocol = _split(entry)
        inside = _range(container, entry)
        outside = _range(host, entry) if host else None
        if outside is not None and len(outside) != len(inside) and len(inside) != 1:
            raise ValueError(f'invalid port "{entry}": the two ranges differ in length')
        for at, port in enumerate(inside):
            binding = {"HostIp": address, "HostPort": ""}
            if outside is not None:
                # One container port with a host range: the engine takes a free one out of the range.
                binding["HostPort"] = host if len(inside) == 1 else str(outside[at])
            bindings.setdefault(f"{port}/{protocol}", []).append(binding)
    return bindings


def exposed(entries: Iterable[str]) -> dict[str, dict[str, str]]:
    """The engine's ExposedPorts for `--expose` values."""
    found: dict[str, dict[str, str]] = {}
    for entry in entries:
        ports, protocol = _protocol(entry, entry)
        for port in _range(ports, entry):
            found[f"{port}/{protocol}"] = {}
    return found


def _split(entry: str) -> tuple[str, str, str, str]:
    """An entry as address, host port, container port, protocol."""
    rest, protocol = _protocol(entry, entry)
    address = ""
    if rest.startswith("["):
        address, bracket, rest = rest[1:].partition("]:")
        if not bracket or not address:
            raise ValueError(f'invalid port "{entry}": an IPv6 address stands in brackets and is followed by a colon')
    parts = rest.split(":")
    if len(parts) == 3 and not address:
        address, *parts = parts
    elif len(parts) > 2:
        # An IPv6 address without brackets, as Docker takes it.
        address, parts = ":".join(parts[:-2]), parts[-2:]
    host, container = parts if len(parts) == 2 else ("", parts[0])
    if not container:
        raise ValueError(f'invalid port "{entry}": the container port is missing')
    return address, host, container, protocol


def _protocol(text: str, entry: str) -> tuple[str, str]:
    ports, slash, protocol = text.partition("/")
    protocol = protocol.lower() if slash else "tcp"
    if protocol not in _PROTOCOLS:
        raise ValueError(f'invalid port "{entry}": the protocol must be one of ' + ", ".join(_PROTOCOLS))
    return ports, protocol


def _range(text: str, entry: str) -> range:
    first, dash, last = text.partition("-")
    numbers = [first, last] if dash else [first, first]
    if not all(is_number(number) and len(number) <= 5 and int(number) <= 65535 for number in numbers):
        raise ValueError(f'invalid port "{entry}": "{text}" is not a port or a range of ports')
    low, high = map(int, numbers)
    if high < low:
        raise ValueError(f'invalid port "{entry}": the range {text} goes backwards')
    return range(low, high + 1)
