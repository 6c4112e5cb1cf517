"""The tree keeps its shape: a test module for each source module, modules of a readable length, no catch-alls."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("restd", "client", "shim")
CATCH_ALLS = {"helpers", "common", "misc", "utils", "util"}
LONGEST = 450
TOP_LEVEL = {
    ".ci", ".git", ".gitignore", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "client", "contrib", "docs",
    "openapi", "pyproject.toml", "restd", "shim", "tests",
}  # fmt: skip


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


@pytest.mark.parametrize(
    "path", [path for path in sources() if path.name != "__init__.py"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_each_source_module_has_a_test_module(path: Path) -> None:
    relative = path.relative_to(ROOT)
    name = "test_main.py" if relative.name == "__main__.py" else f"test_{relative.name}"
    assert (ROOT / "tests" / "unit" / relative.parent / name).exists()


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_are_short_and_named_for_what_they_hold(path: Path) -> None:
    assert path.stem not in CATCH_ALLS
    assert not path.read_text().count("\n") > LONGEST, "a second thing has moved in"


def test_the_top_level_holds_what_the_contributing_page_lists() -> None:
    ignored = {
        line.strip("/\n")
        for line in (ROOT / ".gitignore").read_text().splitlines()
        if line and not line.startswith("*")
    }
    present = {entry.name for entry in ROOT.iterdir()}
    assert present - ignored <= TOP_LEVEL


def test_each_folder_with_modules_is_a_package() -> None:
    for path in sources():
        assert (path.parent / "__init__.py").exists(), path.parent
