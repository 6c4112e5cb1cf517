from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from restd.errors import Conflict, InvalidParameter, NotFound
from restd.events import Events
from restd.image.configuration import MOST_LAYERS
from restd.image.layers import Layer, LayerStore
from restd.image.overlay import Overlay, mount_options
from restd.image.store import ImageStore
from restd.image.unpack import UnpackLimits
from restd.lib import mounts
from restd.model.image import Image, ImageConfig, ImageLayer
from tests.unit.restd.image.building import (
    configuration,
    contents,
    digest,
    docker_archive,
    entry,
    pieces,
    small_image,
    tar,
    with_store,
)

pytestmark = pytest.mark.root
CONTAINER = "c" * 64


async def loaded(store: ImageStore, layers: list[bytes], name: str = "a") -> str:
    (done,) = await store.load(pieces(docker_archive((configuration(layers), layers, [name]))))
    return done.id


def stack(count: int) -> list[bytes]:
    """Layers that each add a file, replace one and hide the one of the layer below."""
    layers = []
    for number in range(count):
        members = [("same", b"%d" % number), (f"file-{number}", b"x" * number)]
        members += [(f".wh.file-{number - 1}", b"")] if number else []
        layers.append(tar(entry("d", b"5"), *members))
    return layers


def test_a_container_sees_the_image_and_writes_beside_it(tmp_path: Path) -> None:
    async def body(store: ImageStore, _: Events) -> None:
        image = await loaded(store, stack(3))
        store.overlay.create_container_layer(CONTAINER, image)
        root = Path(await store.overlay.mount(CONTAINER))
        assert await store.overlay.mount(CONTAINER) == str(root)
        assert store.overlay.is_mounted(CONTAINER)
        assert sorted(path.name for path in root.iterdir()) == ["d", "file-2", "same"]
        assert (root / "same").read_text() == "2"
        (root / "new").write_bytes(b"12345")
        (root / "same").unlink()
        sizes = await store.overlay.sizes(CONTAINER)
        assert (sizes.rw, sizes.root_fs) == (5, 5 + 1 + 2 + 2 + 1 + 0)
        assert (Path(store.overlay.upper(CONTAINER)) / "new").exists()
        data = store.overlay.graph_driver(CONTAINER).data
        assert len(data["LowerDir"].split(":")) == 3
        assert all(os.path.isdir(path) for path in (*data["LowerDir"].split(":"), data["UpperDir"], data["WorkDir"]))
        await store.overlay.unmount(CONTAINER)
        await store.overlay.unmount(CONTAINER)
        assert not store.overlay.is_mounted(CONTAINER)
        await store.overlay.remove(CONTAINER)
        await store.overlay.remove(CONTAINER)
        assert not store.overlay.has(CONTAINER)

    with_store(str(tmp_path), body)


def test_the_root_has_the_images_mode_and_owner(tmp_path: Path) -> None:
    async def body(store: ImageStore, _: Events) -> None:
        image = await loaded(store, [tar(entry("./", b"5", mode=0o1750, uid=5, gid=6), ("f", b""))])
        store.overlay.create_container_layer(CONTAINER, image)
        status = os.stat(await store.overlay.mount(CONTAINER))
        assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o1750, 5, 6)

    with_store(str(tmp_path), body)


def test_an_image_of_as_many_layers_as_there_may_be_is_mounted(tmp_path: Path) -> None:
    deep, trash = tmp_path / ("a-long-name" * 15), tmp_path / "trash"
    deep.mkdir()
    trash.mkdir()
    layers = LayerStore(str(deep), str(trash), UnpackLimits())
    layers.open()
    parts: list[ImageLayer] = []
    for number in range(MOST_LAYERS):
        stage, name = layers.stage(), digest(b"%d" % number)
        Path(stage, "diff", "same").write_text(str(number))
        layers.adopt(stage, Layer(name, name, parts[-1].chain_id if parts else "", 1))
        parts.append(ImageLayer(name, 1, "", name, name))
    image = Image("sha256:i", "", tuple(parts), ImageConfig(), {})
    overlay = Overlay(str(deep), str(trash), layers, lambda _: image, lambda _: None)
    overlay.open()

    async def run() -> None:
        overlay.create_container_layer(CONTAINER, image.id)
        root = Path(await overlay.mount(CONTAINER))
        try:
            assert (root / "same").read_text() == "126"
            (root / "new").write_text("x")
            assert (Path(overlay.upper(CONTAINER)) / "new").exists()
        finally:
            await overlay.remove(CONTAINER)

    asyncio.run(run())


def test_a_root_with_a_colon_and_a_comma_in_its_name_works(tmp_path: Path) -> None:
    odd = tmp_path / "a:b,c"
    odd.mkdir()

    async def body(store: ImageStore, _: Events) -> None:
        store.overlay.create_container_layer(CONTAINER, await loaded(store, stack(2)))
        assert (Path(await store.overlay.mount(CONTAINER)) / "same").read_text() == "1"

    with_store(str(odd), body)


def test_an_image_without_layers_is_an_empty_root(tmp_path: Path) -> None:
    async def body(store: ImageStore, _: Events) -> None:
        store.overlay.create_container_layer(CONTAINER, await loaded(store, []))
        root = Path(await store.overlay.mount(CONTAINER))
        assert list(root.iterdir()) == []
        (root / "x").write_text("x")

    with_store(str(tmp_path), body)


def test_containers_and_their_layers_outlive_the_engine_and_the_image(tmp_path: Path) -> None:
    async def first() -> None:
        store = ImageStore(str(tmp_path), Events())
        await store.open()
        store.overlay.create_container_layer(CONTAINER, await loaded(store, stack(2)))
        await store.overlay.mount(CONTAINER)
        await store.remove("a", True, False, [])
        await store.close()

    async def second(store: ImageStore, _: Events) -> None:
        assert store.problems == []
        assert store.overlay.containers() == [CONTAINER]
        assert store.overlay.is_mounted(CONTAINER)
        await store.overlay.unmount(CONTAINER)
        assert (Path(await store.overlay.mount(CONTAINER)) / "same").read_text() == "1"
        await store.overlay.remove(CONTAINER)

    asyncio.run(first())
    with_store(str(tmp_path), second)
    assert not {name for name in contents(str(tmp_path)) if name.startswith(("overlay", "blobs"))}


def test_a_volatile_root_keeps_its_files_over_a_clean_unmount(tmp_path: Path) -> None:
    async def body(store: ImageStore, _: Events) -> None:
        store.overlay.create_container_layer(CONTAINER, await loaded(store, stack(2)))
        root = Path(await store.overlay.mount(CONTAINER, volatile=True))
        assert any(one.target == str(root) and "volatile" in one.super_options for one in mounts.list_mounts())
        (root / "new").write_text("x")
        await store.overlay.unmount(CONTAINER)
        assert (Path(await store.overlay.mount(CONTAINER)) / "new").read_text() == "x"

    with_store(str(tmp_path), body)


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    async def body(store: ImageStore, _: Events) -> None:
        image = await loaded(store, stack(1))
        store.overlay.create_container_layer(CONTAINER, image)
        with pytest.raises(Conflict):
            store.overlay.create_container_layer(CONTAINER, image)
        with pytest.raises(InvalidParameter):
            store.overlay.create_container_layer("../x", image)
        with pytest.raises(NotFound):
            store.overlay.create_container_layer("d" * 64, "sha256:" + "0" * 64)
        with pytest.raises(NotFound):
            await store.overlay.mount("d" * 64)

    with_store(str(tmp_path), body)


def test_a_mount_below_is_not_deleted_into(tmp_path: Path) -> None:
    async def body(store: ImageStore, _: Events) -> None:
        store.overlay.create_container_layer(CONTAINER, await loaded(store, stack(1)))
        merged = os.path.join(str(tmp_path), "overlay-containers", CONTAINER, "merged")
        (tmp_path / "precious").mkdir()
        (tmp_path / "precious/file").write_text("x")
        mounts.bind(str(tmp_path / "precious"), merged)
        try:
            with pytest.raises(Conflict, match="still in use"):
                await store.overlay.remove(CONTAINER)
        finally:
            mounts.unmount(merged)
        assert (tmp_path / "precious/file").exists()

    with_store(str(tmp_path), body)


def test_options_name_the_topmost_layer_first() -> None:
    assert mount_options("l", ["b", "a"], "h", ",x=off") == "lowerdir=l/b:l/a,upperdir=h/diff,workdir=h/work,x=off"


@pytest.mark.root
def test_what_is_held_stays_mounted_until_it_is_let_go_of(tmp_path: Path) -> None:
    async def body(store: ImageStore, _: Events) -> None:
        await store.load(pieces(small_image()))
        overlay = store.overlay
        overlay.create_container_layer("a" * 64, store.resolve("small").id)
        overlay.hold("a" * 64)
        overlay.hold("a" * 64)
        await overlay.mount("a" * 64)
        await overlay.unmount("a" * 64)
        assert overlay.is_mounted("a" * 64)
        assert not overlay.let_go("a" * 64)
        assert overlay.let_go("a" * 64)
        await overlay.unmount("a" * 64)
        assert not overlay.is_mounted("a" * 64)
        overlay.hold("a" * 64)
        await overlay.mount("a" * 64)
        await overlay.remove("a" * 64)
        assert not overlay.containers()

    with_store(str(tmp_path), body)


@pytest.mark.parametrize("damage", ["gone", "empty file", "folder", "to nowhere"])
def test_a_damaged_layer_is_made_whole_with_what_the_container_wrote(tmp_path: Path, damage: str) -> None:
    home = tmp_path / "overlay-containers" / CONTAINER
    images: list[str] = []

    async def first() -> None:
        store = ImageStore(str(tmp_path), Events())
        await store.open()
        images.append(await loaded(store, stack(2)))
        store.overlay.create_container_layer(CONTAINER, images[0])
        (Path(await store.overlay.mount(CONTAINER)) / "mine").write_text("kept")
        await store.overlay.unmount(CONTAINER)
        await store.close()

    async def second(store: ImageStore, _: Events) -> None:
        assert not store.overlay.has(CONTAINER)
        assert any(CONTAINER in problem for problem in store.problems)
        store.overlay.create_container_layer(CONTAINER, images[0])
        root = Path(await store.overlay.mount(CONTAINER))
        assert ((root / "mine").read_text(), (root / "same").read_text()) == ("kept", "1")
        await store.overlay.remove(CONTAINER)
        assert not home.exists()

    asyncio.run(first())
    (home / "lower").unlink()
    if damage == "empty file":
        (home / "lower").touch()
    elif damage == "folder":
        (home / "lower").mkdir()
    elif damage == "to nowhere":
        (home / "lower").symlink_to("sha256:x/sha256:y")
    with_store(str(tmp_path), second)


def test_a_damaged_layer_goes_with_its_container(tmp_path: Path) -> None:
    home = tmp_path / "overlay-containers" / CONTAINER
    (home / "diff").mkdir(parents=True)
    (home / "merged").mkdir()
    (home / "diff" / "mine").touch()

    async def body(store: ImageStore, _: Events) -> None:
        assert (home / "diff" / "mine").exists(), "nothing is deleted because it could not be read"
        await store.overlay.remove(CONTAINER)
        assert not home.exists()

    with_store(str(tmp_path), body)


def test_one_that_was_never_finished_is_taken_away(tmp_path: Path) -> None:
    home = tmp_path / "overlay-containers" / CONTAINER
    (home / "diff").mkdir(parents=True)

    async def body(store: ImageStore, _: Events) -> None:
        assert not home.exists() and store.problems == []

    with_store(str(tmp_path), body)
