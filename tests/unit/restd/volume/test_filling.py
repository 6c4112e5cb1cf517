import asyncio
import os
from pathlib import Path

import pytest

from restd.errors import SystemFailure
from restd.volume.filling import fill, is_empty


def filled(source: Path, data: Path, beside: str) -> None:
    descriptor = os.open(source, os.O_RDONLY | os.O_DIRECTORY)
    try:
        asyncio.run(fill(descriptor, str(data), beside))
    finally:
        os.close(descriptor)


def test_an_empty_folder_gives_its_mode(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    os.chmod(tmp_path / "s", 0o1770)
    (tmp_path / "d").mkdir()
    filled(tmp_path / "s", tmp_path / "d", str(tmp_path / "beside"))
    assert os.stat(tmp_path / "d").st_mode & 0o7777 == 0o1770 and not (tmp_path / "beside").exists()


@pytest.mark.parametrize("beside", [True, False])
def test_files_are_there_all_at_once_or_one_by_one(tmp_path: Path, beside: bool) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s/file").write_text("x")
    os.chmod(tmp_path / "s", 0o750)
    (tmp_path / "d").mkdir()
    before = os.stat(tmp_path / "d").st_ino
    filled(tmp_path / "s", tmp_path / "d", str(tmp_path / "beside") if beside else "")
    assert (tmp_path / "d/file").read_text() == "x"
    assert os.stat(tmp_path / "d").st_mode & 0o7777 == 0o750
    assert (os.stat(tmp_path / "d").st_ino != before) == beside and not (tmp_path / "beside").exists()
    assert not is_empty(str(tmp_path / "d")) and (tmp_path / "s/file").exists()


def test_what_can_not_be_copied_is_told(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s/file").touch()
    with pytest.raises(SystemFailure, match="cannot copy the image's files into the volume"):
        filled(tmp_path / "s", tmp_path / "missing", "")
