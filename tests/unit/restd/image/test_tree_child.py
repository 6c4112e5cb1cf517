"""The child's parts that need no root; what it does as a process is in test_tree.py."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from restd.image.tree_child import describe, go_mode, resolve_parent


@pytest.mark.parametrize(
    ("mode", "go"),
    [
        (stat.S_IFREG | 0o644, 0o644),
        (stat.S_IFDIR | 0o755, (1 << 31) | 0o755),
        (stat.S_IFLNK | 0o777, (1 << 27) | 0o777),
        (stat.S_IFDIR | 0o1777, (1 << 31) | (1 << 20) | 0o777),
        (stat.S_IFREG | 0o4755, (1 << 23) | 0o755),
        (stat.S_IFCHR | 0o600, (1 << 26) | (1 << 21) | 0o600),
    ],
)
def test_modes_are_gos(mode: int, go: int) -> None:
    assert go_mode(mode) == go


def test_the_last_link_of_a_path_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    os.symlink("folder", tmp_path / "link")
    os.symlink("file", tmp_path / "folder" / "last")
    assert resolve_parent(f"{tmp_path}/link/last") == f"{tmp_path}/folder/last"
    assert resolve_parent(f"{tmp_path}/link") == f"{tmp_path}/link"
    assert resolve_parent(f"{tmp_path}/link/") == f"{tmp_path}/folder"
    assert resolve_parent(f"{tmp_path}/link/.") == f"{tmp_path}/folder"
    assert resolve_parent("/") == resolve_parent("") == resolve_parent("../..") == "/"
    found = describe(f"{tmp_path}/folder/last", "/x/last")
    assert found["linkTarget"] == f"{tmp_path}/folder/file"
    assert found["name"] == "last"
