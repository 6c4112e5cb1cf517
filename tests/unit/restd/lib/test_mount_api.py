from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, sys
from restd.lib.mount_api import clone_mount, move_mount, private_mounts
private_mounts()
descriptor = clone_mount(sys.argv[1])
os.chroot(sys.argv[2])
os.chdir("/")
move_mount(descriptor, "/link/to")
print(os.listdir("/target/to"))
"""


@pytest.mark.root
def test_a_mount_is_put_where_a_link_leads_inside_the_root(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").touch()
    (tmp_path / "root" / "target" / "to").mkdir(parents=True)
    os.symlink("/target", tmp_path / "root" / "link")
    words = [sys.executable, "-c", SCRIPT, str(tmp_path / "source"), str(tmp_path / "root")]
    assert subprocess.run(words, capture_output=True, check=True, text=True, timeout=60).stdout == "['file']\n"
    assert os.listdir(tmp_path / "root" / "target" / "to") == []
