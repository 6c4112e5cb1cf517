from __future__ import annotations

import os
from pathlib import Path

import pytest

from restd.errors import SystemFailure
from restd.image.layers import Layer, LayerStore, chain_id, chain_ids, directory_size, empty_trash
from restd.image.unpack import UnpackLimits

A, B = "sha256:" + "a" * 64, "sha256:" + "a" * 63 + "b"


def opened(root: Path) -> tuple[LayerStore, list[str]]:
    (root / "trash").mkdir(exist_ok=True)
    store = LayerStore(str(root), str(root / "trash"), UnpackLimits())
    return store, store.open()


def test_chain_ids_are_those_of_the_specification() -> None:
    first, second = "sha256:" + "1" * 64, "sha256:" + "2" * 64
    assert chain_ids([first, second]) == [first, chain_id(first, second)]
    assert chain_id(first, second) == "sha256:9932074217c35353d2e03a3f5a86549f7c67bfeb0ba53e23d69f4d4c8f7958f5"


def test_an_adopted_layer_is_there_after_a_restart_and_a_staged_one_is_not(tmp_path: Path) -> None:
    store, problems = opened(tmp_path)
    layer = store.adopt(store.stage(), Layer(A, A, "", 5))
    store.stage()
    again, problems = opened(tmp_path)
    assert problems == []
    assert again.all() == [layer]
    assert sorted(os.listdir(tmp_path / "overlay")) == sorted(["l", "empty", A[7:]])
    assert os.path.isdir(os.path.join(again.links, again.short(A)))


def test_layers_with_the_same_first_digits_get_different_short_names(tmp_path: Path) -> None:
    store, _ = opened(tmp_path)
    store.adopt(store.stage(), Layer(A, A, "", 0))
    store.adopt(store.stage(), Layer(B, B, A, 0))
    assert store.short(A) != store.short(B)
    assert os.path.samefile(os.path.join(store.links, store.short(B)), store.directory(B))
    assert store.stack(B) == (A, B)
    store.remove(A)
    with pytest.raises(SystemFailure, match="is missing"):
        store.stack(B)


def test_the_second_of_two_equal_layers_is_thrown_away(tmp_path: Path) -> None:
    store, _ = opened(tmp_path)
    first = store.adopt(store.stage(), Layer(A, A, "", 5))
    assert store.adopt(store.stage(), Layer(A, A, "", 6)) is first
    assert len(os.listdir(tmp_path / "trash")) == 1
    empty_trash(str(tmp_path / "trash"))
    assert os.listdir(tmp_path / "trash") == []


def test_an_unreadable_layer_is_reported_and_kept(tmp_path: Path) -> None:
    store, _ = opened(tmp_path)
    store.adopt(store.stage(), Layer(A, A, "", 5))
    (tmp_path / "overlay" / A[7:] / "layer.json").write_text("{")
    again, problems = opened(tmp_path)
    assert len(problems) == 1
    assert again.get(A) is None
    assert (tmp_path / "overlay" / A[7:] / "diff").is_dir()


def test_the_size_of_a_directory_counts_a_linked_file_once(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/file").write_bytes(b"12345")
    os.link(tmp_path / "d/file", tmp_path / "link")
    os.symlink("/etc/passwd", tmp_path / "soft")
    assert directory_size(str(tmp_path)) == 5
    assert directory_size(str(tmp_path / "missing")) == 0
