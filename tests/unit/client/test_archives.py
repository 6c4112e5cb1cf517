from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from client.archives import pack, unpack
from client.errors import ClientError


def tar(*members: tuple[str, bytes, dict[str, Any]]) -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data, fields in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in fields.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(data))
    return io.BytesIO(out.getvalue())


FOLDER: dict[str, Any] = {"type": tarfile.DIRTYPE, "mode": 0o750}


def test_a_tree_is_unpacked_under_another_name(tmp_path: Path) -> None:
    stream = tar(
        ("a", b"", FOLDER),
        ("a/f", b"data", {"mode": 0o640, "mtime": 1000}),
        ("a/l", b"", {"type": b"2", "linkname": "f"}),
    )
    unpack(stream, str(tmp_path), "b", owners=False)
    assert (tmp_path / "b" / "f").read_bytes() == b"data"
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o750
    assert ((tmp_path / "b" / "f").stat().st_mode & 0o777, (tmp_path / "b" / "f").stat().st_mtime) == (0o640, 1000)


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ClientError, match="leads out"):
        unpack(tar((name, b"x", {})), str(tmp_path / "in"), None, owners=False)
    assert not (tmp_path / "x").exists()


def test_names_behind_links_are_refused(tmp_path: Path) -> None:
    outside, inside = tmp_path / "out", tmp_path / "in"
    outside.mkdir()
    inside.mkdir()
    link: tuple[str, bytes, dict[str, Any]] = ("a/l", b"", {"type": tarfile.SYMTYPE, "linkname": str(outside)})
    with pytest.raises(ClientError, match="behind a link"):
        unpack(tar(("a", b"", FOLDER), link, ("a/l/x", b"x", {})), str(inside), None, owners=False)
    assert os.listdir(outside) == []
    hard: tuple[str, bytes, dict[str, Any]] = ("b", b"", {"type": tarfile.LNKTYPE, "linkname": "a/l/secret"})
    with pytest.raises(ClientError, match="behind a link"):
        unpack(tar(hard), str(inside), None, owners=False)


def test_devices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="devices are not copied"):
        unpack(tar(("d", b"", {"type": tarfile.CHRTYPE})), str(tmp_path), None, owners=False)


def test_a_folder_does_not_give_way_to_a_file(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    with pytest.raises(ClientError, match="cannot overwrite directory"):
        unpack(tar(("f", b"x", {})), str(tmp_path), None, owners=False)


def test_what_is_packed_is_unpacked(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "d").mkdir(parents=True)
    (source / "d" / "f").write_text("data")
    os.symlink("f", source / "d" / "l")
    with open(tmp_path / "tar", "wb") as file:
        pack(str(source), "name", os.dup(file.fileno()), owners=False)
    with open(tmp_path / "tar", "rb") as stream:
        unpack(stream, str(tmp_path), None, owners=False)
    assert (tmp_path / "name" / "d" / "l").read_text() == "data"
