"""The lines of pull and push, as the docker CLI, docker-py and compose read them. Pure.

Each is one JSON object: `status`, for a layer its short `id`, and where something moves `progressDetail` and a bar.
"""

from __future__ import annotations

from typing import Any

_WIDTH = 50
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def short(digest: str) -> str:
    """Twelve digits of a digest: how people know a layer."""
    return digest.removeprefix("sha256:")[:12]


def status(text: str, layer: str = "") -> dict[str, Any]:
    """A line without movement; of a layer it has an empty `progressDetail`, as in Docker."""
    return {"status": text, "progressDetail": {}, "id": layer} if layer else {"status": text}


def moving(text: str, layer: str, current: int, total: int) -> dict[str, Any]:
    """A line of a layer that moves, in bytes."""
    detail = {"current": current, "total": total}
    return {"status": text, "progressDetail": detail, "progress": bar(current, total), "id": layer}


def bar(current: int, total: int) -> str:
    """`[=====>      ]  1.2MB/12MB`, 50 wide; only the bytes so far if the total is not known."""
    if total <= 0:
        return f"{size(current):>8}"
    current = min(current, total)
    done = current * _WIDTH // total
    arrow = ">" if done < _WIDTH else ""
    return f"[{'=' * done}{arrow}{' ' * (_WIDTH - done - len(arrow))}]  {size(current):>8}/{size(total)}"


def size(count: float) -> str:
    """Bytes in decimal units, four digits at most: `1.234MB`."""
    unit = 0
    while count >= 1000 and unit < len(_UNITS) - 1:
        count /= 1000
        unit += 1
    return f"{count:.4g}{_UNITS[unit]}"
