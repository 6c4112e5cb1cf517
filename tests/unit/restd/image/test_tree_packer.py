from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

from restd.image.tree_packer import Packer


def packed(path: Path, name: bytes) -> dict[str, tarfile.TarInfo]:
    reader, writer = os.pipe()
    packer = Packer(writer)
    packer.tree(os.fsencode(path), name)
    packer.end()
    os.close(writer)
    with os.fdopen(reader, "rb") as file, tarfile.open(fileobj=io.BytesIO(file.read())) as archive:
        return {member.name: member for member in archive}


def test_a_tree_is_packed_under_the_name_it_is_asked_by(tmp_path: Path) -> None:
    tree = tmp_path / "real"
    (tree / "in").mkdir(parents=True)
    (tree / "in" / "file").write_text("data")
    os.link(tree / "in" / "file", tree / "in" / "more")
    os.symlink("file", tree / "in" / "sym")
    os.mkfifo(tree / "pipe")
    found = packed(tree, b"asked")
    assert set(found) == {"asked", "asked/in", "asked/in/file", "asked/in/more", "asked/in/sym", "asked/pipe"}
    assert found["asked/in/more"].islnk()
    assert found["asked/in/more"].linkname == "asked/in/file"
    assert found["asked/in/sym"].linkname == "file"
    assert found["asked/pipe"].isfifo()


def test_one_file_is_packed_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("data")
    assert list(packed(tmp_path / "file", b"name")) == ["name"]
