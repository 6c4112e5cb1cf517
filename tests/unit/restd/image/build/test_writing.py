from __future__ import annotations

import os
from pathlib import Path

import pytest

from restd.errors import NotFound
from restd.events import Events
from restd.image.build.writing import is_folder, layer_of, make_folder
from restd.image.store import ImageStore
from restd.image.tree import Tree
from tests.unit.restd.image.building import pieces, small_image, with_store

pytestmark = pytest.mark.root


def test_a_layer_is_there_for_a_while(tmp_path: Path) -> None:
    async def body(store: ImageStore, _: Events) -> None:
        await store.load(pieces(small_image()))
        async with layer_of(store, store.resolve("small")) as (root, upper):
            assert Path(root, "etc/motd").exists()
            tree = Tree(root)
            os.symlink("/etc", Path(root, "link"))
            assert await is_folder(tree, "/link")
            assert not await is_folder(tree, "/etc/motd")
            assert not await is_folder(tree, "/nothing")
            await make_folder(tree, "/link/new/deep")
            assert Path(upper, "etc/new/deep").is_dir()
        assert not store.overlay.containers()
        async with layer_of(store, None) as (root, _upper):
            assert os.listdir(root) == []
        with pytest.raises(NotFound):
            async with layer_of(store, store.resolve("small")) as (root, _upper):
                raise NotFound("x")
        assert not store.overlay.containers()

    with_store(str(tmp_path), body)
