"""Imports go down only; the shim and the client live on the standard library. No exemptions."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A room may import from rooms of a lower rank. Rooms of the same rank are peers and never meet.
RANK = {
    "__main__": 8,
    "master": 7,
    "daemon": 6,
    "master_log": 6,
    "worker": 7,
    "serving": 6,
    "app": 5,
    "api": 4,
    "cri": 4,
    "container": 3,
    "runtime": 2,
    "image": 2,
    "volume": 2,
    "network": 2,
    "logs": 2,
    "oci": 1,
    "events": 1,
    "journal": 1,
    "filters": 1,
    "config": 1,
    "preflight": 2,
    "reload": 2,
    "succession": 2,
    "systemd": 1,
    "model": 0,
    "errors": 0,
    "lib": 0,
}
# Within the two lowest ranks the rooms are no peers: they build on each other in this order.
FOUNDATION = ["errors", "lib", "model", "filters", "config", "events", "journal", "oci"]
SHIM_MAY_IMPORT = {"prctl", "shim"}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(dotted: str) -> str | None:
    parts = dotted.split(".")
    return parts[1] if parts[0] == "restd" and len(parts) > 1 and parts[1] in RANK else None


@pytest.mark.parametrize("path", modules("restd"), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_of_the_daemon_go_down_only(path: Path) -> None:
    relative = path.relative_to(ROOT / "restd")
    own = relative.parts[0].removesuffix(".py")
    if own == "__init__":
        return
    assert own in RANK, f"{own} has no rank"
    for name in imported(path):
        other = room(name)
        if other is None or other == own:
            continue
        if own in FOUNDATION and other in FOUNDATION:
            allowed = FOUNDATION.index(other) < FOUNDATION.index(own)
        else:
            allowed = RANK[other] < RANK[own]
        assert allowed, f"{relative} imports {name}: {own} may not look into {other}"


@pytest.mark.parametrize("path", modules("restd"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_daemon_knows_of_the_shim_only_the_protocol(path: Path) -> None:
    foreign = {name for name in imported(path) if name.split(".")[0] in ("shim", "client")}
    assert all(name == "shim" or name.startswith("shim.protocol") for name in foreign - {"shim"}), foreign


@pytest.mark.parametrize("path", modules("shim"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_shim_needs_the_standard_library_and_prctl_alone(path: Path) -> None:
    roots = {name.split(".")[0] for name in imported(path)}
    assert roots <= sys.stdlib_module_names | SHIM_MAY_IMPORT


@pytest.mark.parametrize("path", modules("client"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_client_needs_the_standard_library_alone(path: Path) -> None:
    roots = {name.split(".")[0] for name in imported(path)}
    assert roots <= sys.stdlib_module_names | {"client"}


def test_only_one_module_looks_inside_aiohttp() -> None:
    users = {
        str(path.relative_to(ROOT))
        for path in modules("restd")
        for name in imported(path)
        if name.startswith("aiohttp.") and not name.startswith("aiohttp.web.") and name != "aiohttp.web"
    }
    assert users <= {"restd/api/hijack.py"}


def test_background_tasks_have_one_place_of_birth() -> None:
    for path in modules("restd"):
        if path.relative_to(ROOT).as_posix() == "restd/lib/tasks.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("create_task", "ensure_future"), f"{path}:{node.lineno}"
