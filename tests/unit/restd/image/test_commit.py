from __future__ import annotations

import os
from pathlib import Path

import pytest

from restd.errors import SystemFailure
from restd.events import Events
from restd.image.commit import CommitRequest
from restd.image.references import parse_reference
from restd.image.store import ImageStore
from tests.unit.restd.image.building import gathered, pieces, small_image, with_store

pytestmark = pytest.mark.root


def test_an_image_on_top_of_another(tmp_path: Path) -> None:
    upper = tmp_path / "upper"
    upper.mkdir()
    (upper / "new").write_text("new")

    async def body(store: ImageStore, _: Events) -> None:
        await store.load(pieces(small_image()))
        parent = store.resolve("small")
        names = [parse_reference("made:1")]
        request = CommitRequest(parent, str(upper), {"Cmd": ["x"]}, "how", "why", "me", names)
        image = await store.commit(request)
        assert image.parent == parent.id
        assert image.layers[:-1] == parent.layers
        assert image.repo_tags == ("made:1",)
        assert (image.config.cmd, image.author, image.comment) == (("x",), "me", "why")
        assert image.architecture == parent.architecture
        assert Path(store.graph_driver(image).data["UpperDir"], "new").read_text() == "new"
        assert next(row.created_by for row in store.history("made:1")) == "how"
        empty = await store.commit(CommitRequest(image, None, {"Cmd": ["y"]}, "#(nop) CMD y"))
        assert empty.layers == image.layers
        assert store.history(empty.id)[0].size == 0
        saved = await gathered(store.save(["made:1"]))
        await store.load(pieces(saved))

    with_store(str(tmp_path / "store"), body)


def test_an_image_on_nothing(tmp_path: Path) -> None:
    upper = tmp_path / "upper"
    upper.mkdir()

    async def body(store: ImageStore, _: Events) -> None:
        image = await store.commit(CommitRequest(None, str(upper), {}))
        assert len(image.layers) == 1
        assert image.os == "linux"

    with_store(str(tmp_path / "store"), body)


def test_a_missing_blob_of_the_parent_is_named(tmp_path: Path) -> None:
    async def body(store: ImageStore, _: Events) -> None:
        await store.load(pieces(small_image()))
        parent = store.resolve("small")
        os.unlink(tmp_path / "blobs" / "sha256" / parent.layers[0].digest[7:])
        with pytest.raises(SystemFailure, match="is missing from the store"):
            await store.commit(CommitRequest(parent, None, {}))
        assert len(store.list(intermediate=True)) == 1

    with_store(str(tmp_path), body)
