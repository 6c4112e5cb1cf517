import json
from pathlib import Path

import pytest

from restd.errors import InvalidParameter, NotFound
from restd.network.cni.directory import find_conflist


def write(folder: Path, file: str, name: str) -> None:
    (folder / file).write_text(json.dumps({"cniVersion": "1.0.0", "name": name, "plugins": [{"type": "x"}]}))


def test_a_list_is_found_by_the_name_in_it(tmp_path: Path) -> None:
    write(tmp_path, "10-a.conflist", "one")
    write(tmp_path, "20-b.conf", "two")
    write(tmp_path, "30-c.txt", "three")
    assert find_conflist(str(tmp_path), "two").name == "two"
    for unknown in ("three", "10-a"):
        with pytest.raises(NotFound, match=f"there is no CNI network '{unknown}' in {tmp_path}"):
            find_conflist(str(tmp_path), unknown)


def test_others_that_are_broken_are_passed_over_but_not_the_one_meant(tmp_path: Path) -> None:
    (tmp_path / "00-broken.conflist").write_text("{")
    (tmp_path / "mine.conflist").write_text("{")
    write(tmp_path, "10-a.conflist", "one")
    assert find_conflist(str(tmp_path), "one").name == "one"
    with pytest.raises(InvalidParameter, match="not JSON"):
        find_conflist(str(tmp_path), "mine")


def test_a_folder_that_is_not_there_has_none(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        find_conflist(str(tmp_path / "nowhere"), "x")
