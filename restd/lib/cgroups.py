"""What the cgroups of one process tell, and the freezer, on both versions. Source: cgroups(7), the kernel's freezer."""

from __future__ import annotations

import contextlib
import os

_FILE_LIMIT = 1 << 16


def is_in(pid: int, name: str, root: str = "/") -> bool:
    """Whether the process is in a cgroup `name`, or below one, in any hierarchy."""
    return any(name in path.split("/") for path in _paths(pid, root).values())


def is_frozen(pid: int, root: str = "/") -> bool | None:
    """Whether the process's cgroup is frozen; None if that can't be seen."""
    switch, thawed = _freezer(pid, root)
    try:
        with open(switch, encoding="ascii") as file:
            return file.read(32).strip() != thawed
    except (OSError, ValueError):
        return None


def thaw(pid: int, root: str = "/") -> None:
    """Let the process's cgroup go on, if it is frozen and can be thawed."""
    switch, thawed = _freezer(pid, root)
    with contextlib.suppress(OSError), open(switch, "w", encoding="ascii") as file:
        file.write(thawed)


def _freezer(pid: int, root: str) -> tuple[str, str]:
    """The file that freezes the process's cgroup, and what is in it when it is not frozen."""
    paths = _paths(pid, root)
    top = os.path.join(root, "sys/fs/cgroup")
    for controllers, path in paths.items():
        if "freezer" in controllers.split(","):
            return os.path.join(top, "freezer", path.lstrip("/"), "freezer.state"), "THAWED"
    return os.path.join(top, paths.get("", "").lstrip("/"), "cgroup.freeze"), "0"


def _paths(pid: int, root: str) -> dict[str, str]:
    """The process's cgroups by their controllers, "" for version 2's; none if there is no such process."""
    try:
        with open(os.path.join(root, f"proc/{pid}/cgroup"), encoding="utf-8", errors="replace") as file:
            lines = file.read(_FILE_LIMIT).splitlines()
    except OSError:
        return {}
    fields = (line.split(":", 2) for line in lines)
    return {field[1]: field[2] for field in fields if len(field) == 3}
