import os
from pathlib import Path

import pytest

from restd.model.volume import Volume
from restd.volume.store import VolumeStore


def made(tmp_path: Path) -> VolumeStore:
    store = VolumeStore(str(tmp_path))
    store.open()
    return store


def volume(store: VolumeStore, name: str = "vol") -> Volume:
    return Volume(name, store.data(name), 1_700_000_000_000_000_000, {"a": "b"}, {"type": "tmpfs", "device": "x"})


def test_a_volume_comes_back_as_it_was(tmp_path: Path) -> None:
    store = made(tmp_path)
    store.create(volume(store), "")
    (stored,), problems = VolumeStore(str(tmp_path)).open()
    assert (stored.volume, stored.owner, problems) == (volume(store), "", [])
    assert os.stat(store.data("vol")).st_mode & 0o7777 == 0o755
    assert os.stat(store.home("vol")).st_mode & 0o7777 == 0o701


def test_a_name_is_given_once(tmp_path: Path) -> None:
    store = made(tmp_path)
    store.create(volume(store), "")
    Path(store.data("vol"), "file").touch()
    with pytest.raises(FileExistsError):
        store.create(volume(store), "")
    assert os.listdir(os.path.dirname(store.home("vol"))) == ["vol"]
    assert os.listdir(store.data("vol")) == ["file"]


def test_an_owner_is_kept_until_it_is_taken_away(tmp_path: Path) -> None:
    store = made(tmp_path)
    store.create(volume(store), "c" * 64)
    assert store.open()[0][0].owner == "c" * 64
    store.set_owner("vol", "")
    store.set_owner("vol", "")
    assert store.open()[0][0].owner == ""
    store.set_owner("vol", "d" * 64)
    assert store.open()[0][0].owner == "d" * 64


def test_what_a_crash_left_half_done_is_put_aside(tmp_path: Path) -> None:
    store = made(tmp_path)
    store.create(volume(store), "")
    os.makedirs(tmp_path / "volumes/.new-1234/_data")
    os.makedirs(os.path.join(store.home("vol"), "_filling/deep"))
    found, problems = store.open()
    assert [stored.volume.name for stored in found] == ["vol"] and not problems
    assert len(store.rubbish()) == 2
    assert sorted(os.listdir(store.home("vol"))) == ["_data", "volume.json"]


def test_a_removed_volume_waits_in_the_trash(tmp_path: Path) -> None:
    store = made(tmp_path)
    store.create(volume(store), "")
    where = store.discard("vol")
    assert store.open() == ([], []) and store.rubbish() == [where]
    assert os.path.exists(os.path.join(where, "volume.json"))


def test_a_folder_without_metadata_is_a_plain_volume(tmp_path: Path) -> None:
    store = made(tmp_path)
    os.makedirs(store.data("foreign"))
    (stored,), problems = store.open()
    assert (stored.volume.labels, stored.volume.options, problems) == (None, None, [])
    assert stored.volume.created == os.stat(store.home("foreign")).st_mtime_ns


@pytest.mark.parametrize("text", ["{", "[]", '{"v":9}'])
def test_metadata_that_can_not_be_read_is_said_and_the_files_stay(tmp_path: Path, text: str) -> None:
    store = made(tmp_path)
    store.create(volume(store), "")
    Path(store.home("vol"), "volume.json").write_text(text)
    (stored,), (problem,) = store.open()
    assert stored.volume.options is None and problem.startswith("volume vol: ")
    assert os.path.isdir(store.data("vol"))
    assert text != "{" or store.open()[1]
