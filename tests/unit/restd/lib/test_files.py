import os
from pathlib import Path

import pytest

from restd.lib.files import UnreadableFile, read_json, sync_directory, write_atomically, write_json


def test_json_comes_back_as_it_went(tmp_path: Path) -> None:
    target = str(tmp_path / "state.json")
    write_json(target, {"a": [1, None, "é"]})
    assert read_json(target) == {"a": [1, None, "é"]}
    assert os.listdir(tmp_path) == ["state.json"]


def test_a_failed_write_leaves_the_old_content_and_no_rest(tmp_path: Path) -> None:
    target = str(tmp_path / "state.json")
    write_json(target, 1)
    with pytest.raises(TypeError):
        write_json(target, object())
    with pytest.raises(TypeError):
        write_atomically(target, "text")  # type: ignore[arg-type]
    assert read_json(target) == 1
    assert os.listdir(tmp_path) == ["state.json"]


def test_a_link_in_the_place_of_the_new_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("old")
    (tmp_path / "f.new").symlink_to("victim")
    with pytest.raises(OSError, match=r"f\.new"):
        write_atomically(str(tmp_path / "f"), b"new")
    assert (tmp_path / "victim").read_text() == "old"


def test_a_file_that_does_not_parse_is_set_aside_not_deleted(tmp_path: Path) -> None:
    target = tmp_path / "state.json"
    target.write_text('{"half": ')
    with pytest.raises(UnreadableFile) as caught:
        read_json(str(target))
    assert not target.exists()
    assert Path(caught.value.kept_as).read_text() == '{"half": '


def test_a_missing_file_is_told_from_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_json(str(tmp_path / "none"))


def test_a_directory_can_be_synced(tmp_path: Path) -> None:
    sync_directory(str(tmp_path))
