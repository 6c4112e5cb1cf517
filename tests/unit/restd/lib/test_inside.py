import os
from pathlib import Path

import pytest

from restd.lib.inside import open_inside, read_inside


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("outside")
    (tmp_path / "root" / "etc").mkdir(parents=True)
    return tmp_path / "root"


def test_a_file_inside_is_read(root: Path) -> None:
    (root / "etc" / "passwd").write_text("root:x:0:0::/:/bin/sh\n")
    assert read_inside(str(root), "/etc/passwd") == "root:x:0:0::/:/bin/sh\n"


@pytest.mark.parametrize("target", ["../../secret", "/../secret", "/proc/self/root/etc/passwd"])
def test_no_link_leads_out(root: Path, target: str) -> None:
    (root / "etc" / "passwd").symlink_to(target)
    assert read_inside(str(root), "/etc/passwd") == ""


def test_an_absolute_link_means_the_file_inside(root: Path) -> None:
    (root / "real").write_text("inside")
    (root / "etc" / "passwd").symlink_to("/real")
    assert read_inside(str(root), "/etc/passwd") == "inside"


def test_a_linked_folder_does_not_lead_out(root: Path) -> None:
    (root / "etc").rmdir()
    (root / "etc").symlink_to(root.parent)
    assert read_inside(str(root), "/etc/secret") == ""


def test_a_fifo_does_not_block_and_is_empty(root: Path) -> None:
    os.mkfifo(root / "etc" / "passwd")
    assert read_inside(str(root), "/etc/passwd") == ""


def test_what_is_missing_or_a_folder_is_empty(root: Path) -> None:
    assert read_inside(str(root), "/nowhere") == ""
    assert read_inside(str(root), "/etc") == ""


def test_no_more_than_the_limit_is_read(root: Path) -> None:
    (root / "big").write_bytes(b"x" * 5000)
    assert len(read_inside(str(root), "/big", limit=1000)) == 1000


def test_what_is_no_folder_is_told(root: Path) -> None:
    (root / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        open_inside(str(root), "/file", os.O_PATH | os.O_DIRECTORY)
