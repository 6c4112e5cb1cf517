from __future__ import annotations

import asyncio
import bz2
import gzip
import io
import json
import lzma
import tarfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from backports import zstd

from restd.errors import Conflict, InvalidParameter, NotFound
from restd.events import Events
from restd.image.selection import ImageFilter
from restd.image.store import ImageStore, tag_reference
from restd.model.image import ImageUse, Loaded
from tests.unit.restd.image.building import (
    configuration,
    contents,
    digest,
    docker_archive,
    gathered,
    pieces,
    small_image,
    small_layer,
    tar,
    with_store,
)

pytestmark = pytest.mark.root
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstd.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


@pytest.mark.parametrize("pack", PACKERS)
def test_an_archive_is_loaded_however_it_is_packed(tmp_path: Path, pack: str) -> None:
    async def body(store: ImageStore, events: Events) -> None:
        progress: list[int] = []
        done = await store.load(pieces(PACKERS[pack](small_image())), lambda one: progress.append(one.current))
        image = store.resolve("small")
        assert done == [Loaded("small:latest", image.id)]
        assert Path(store.graph_driver(image).data["UpperDir"], "etc/motd").read_text() == "hello"
        assert progress
        assert [(event.action, event.actor) for event in events.subscribe(0)._queue] == [("load", image.id)]

    with_store(str(tmp_path), body)


@pytest.mark.parametrize("pack", ["gzip", "zstd"])
def test_packed_layers_keep_their_bytes_over_load_and_save(tmp_path: Path, pack: str) -> None:
    layer = small_layer()
    packed = PACKERS[pack](layer)
    listing = [{"Config": "c", "RepoTags": ["a:1"], "Layers": ["l"]}]
    data = tar(("c", configuration([layer])), ("l", packed), ("manifest.json", json.dumps(listing).encode()))

    async def body(store: ImageStore, _: Events) -> None:
        await store.load(pieces(data))
        saved = await gathered(store.save(["a:1"]))
        with tarfile.open(fileobj=io.BytesIO(saved)) as archive:
            names = archive.getnames()
        assert "blobs/sha256/" + digest(packed)[7:] in names
        assert names[-4:] == ["index.json", "manifest.json", "oci-layout", "repositories"]
        before = store.resolve("a:1")
        await store.remove("a:1", False, False, [])
        await store.load(pieces(saved))
        again = store.resolve("a:1")
        assert (again.id, again.manifest_digest, again.layers) == (before.id, before.manifest_digest, before.layers)
        assert await gathered(store.save(["a:1"])) == saved

    with_store(str(tmp_path), body)


def test_several_images_share_layers_and_are_saved_together(tmp_path: Path) -> None:
    base, top = small_layer("base"), small_layer("top")
    one, two = configuration([base]), configuration([base, top])

    async def body(store: ImageStore, _: Events) -> None:
        done = await store.load(pieces(docker_archive((one, [base], ["one", "uno"]), (two, [base, top], []))))
        assert [loaded.name for loaded in done] == ["one:latest", "uno:latest", None]
        assert store.shared_size(store.resolve("one")) == 4
        assert store.layers_size() == 7
        saved = await gathered(store.save(["one", digest(two), "one"]))
        removed = await store.remove(digest(two)[7:20], False, False, [])
        assert len(removed) == 2
        await store.remove("one", False, False, [])
        await store.remove("uno", False, False, [])
        assert {name.split("/")[0] for name in contents(str(tmp_path))} == {"images"}
        again = await store.load(pieces(saved))
        assert [loaded.name for loaded in again] == ["one:latest", None]

    with_store(str(tmp_path), body)


def test_a_repository_without_a_tag_is_saved_with_all_of_them(tmp_path: Path) -> None:
    async def body(store: ImageStore, _: Events) -> None:
        await store.load(pieces(small_image("a:1")))
        await store.load(pieces(small_image("a:2", "other")))
        saved = await gathered(store.save(["a"]))
        with tarfile.open(fileobj=io.BytesIO(saved)) as archive:
            member = archive.extractfile("manifest.json")
            assert member is not None
            listing = json.load(member)
        assert sorted(tag for item in listing for tag in item["RepoTags"]) == ["a:1", "a:2"]
        for bad, error in ((["nope"], NotFound), ([], InvalidParameter), (["B A D"], InvalidParameter)):
            with pytest.raises(error):
                store.save(bad)

    with_store(str(tmp_path), body)


def bad_archives() -> dict[str, tuple[bytes, str]]:
    layer, other = small_layer(), small_layer("other")
    escape = tar(("../../evil", b"x"))
    good = small_image()
    return {
        "garbage": (b"garbage" * 2000, "invalid archive"),
        "empty": (b"", "empty"),
        "cut": (good[: len(good) // 2 // 512 * 512 - 700], "invalid archive"),
        "cut gzip": (gzip.compress(good)[:-30], "invalid gzip data"),
        "wrong diff id": (docker_archive((configuration([other]), [layer], ["x"])), "diffID"),
        "escaping layer": (docker_archive((configuration([escape]), [escape], ["x"])), "path escapes"),
        "layer is no tar": (docker_archive((configuration([b"x" * 2000]), [b"x" * 2000], ["x"])), "invalid layer"),
        "second layer bad": (
            docker_archive((configuration([layer, escape]), [layer, escape], ["x"])),
            "path escapes",
        ),
        "second image bad": (
            docker_archive((configuration([layer]), [layer], ["x"]), (configuration([other]), [escape], ["y"])),
            "diffID|path escapes",
        ),
        "bad config": (docker_archive((b'{"rootfs":{"diff_ids":[]},"config":{"Env":1}}', [], ["x"])), "Env"),
        "windows": (docker_archive((configuration([layer], os="windows"), [layer], ["x"])), "cannot be used"),
        "config is a list": (docker_archive((b"[]", [], ["x"])), "not a JSON object"),
    }


@pytest.mark.parametrize("name", list(bad_archives()))
def test_a_bad_archive_is_refused_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    data, reason = bad_archives()[name]

    async def body(store: ImageStore, events: Events) -> None:
        await store.load(pieces(small_image("kept", "kept")))
        before = contents(str(tmp_path))
        with pytest.raises(InvalidParameter, match=reason):
            await store.load(pieces(data))
        assert contents(str(tmp_path)) == before
        assert [image.repo_tags for image in store.list()] == [("kept:latest",)]

    with_store(str(tmp_path), body)


def test_a_stream_that_breaks_or_a_client_that_leaves_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield small_image()[:2000]
        raise ConnectionResetError("gone")

    async def body(store: ImageStore, _: Events) -> None:
        with pytest.raises(ConnectionResetError):
            await store.load(broken())
        started = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield small_image()[:2000]
            started.set()
            await asyncio.Event().wait()

        task = asyncio.ensure_future(store.load(slow()))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert contents(str(tmp_path)) == set()

    with_store(str(tmp_path), body)


def test_the_same_image_loaded_at_once_by_many_is_there_once(tmp_path: Path) -> None:
    async def body(store: ImageStore, _: Events) -> None:
        await asyncio.gather(*(store.load(pieces(small_image(f"a:{number}"))) for number in range(6)))
        (image,) = store.list()
        assert len(image.repo_tags) == 6
        assert len([name for name in contents(str(tmp_path)) if name.startswith("overlay/") and "/l/" not in name]) == 1

    with_store(str(tmp_path), body)


def test_a_load_that_replaces_a_name_leaves_the_old_image_nameless(tmp_path: Path) -> None:
    async def body(store: ImageStore, _: Events) -> None:
        await store.load(pieces(small_image("a", "old")))
        await store.load(pieces(small_image("a", "new")))
        assert len(store.list(ImageFilter(dangling=True))) == 1
        result = await store.prune(ImageFilter(), [])
        assert result.reclaimed == 3
        assert len(store.list()) == 1

    with_store(str(tmp_path), body)


def test_an_import_makes_an_image_of_one_layer(tmp_path: Path) -> None:
    async def body(store: ImageStore, events: Events) -> None:
        data = gzip.compress(small_layer())
        changes = ['CMD ["sh"]', "ENV A=1"]
        image_id = await store.import_(pieces(data), "me/app", "1", "a message", changes, "linux/arm64/v8")
        image = store.resolve("me/app:1")
        assert (image.id, image.comment, image.architecture, image.variant) == (image_id, "a message", "arm64", "v8")
        assert (image.config.cmd, image.config.env) == (("sh",), ("A=1",))
        assert image.diff_ids == (digest(small_layer()),)
        assert [row.comment for row in store.history("me/app:1")] == ["a message"]
        nameless = await store.import_(pieces(small_layer()))
        assert store.resolve(nameless).repo_tags == ()
        assert [event.action for event in events.subscribe(0)._queue] == ["import", "import"]

    with_store(str(tmp_path), body)


@pytest.mark.parametrize(
    ("data", "repo", "tag", "changes", "reason"),
    [
        (b"", "", "", [], "empty"),
        (b"garbage" * 500, "", "", [], "invalid tar header"),
        (gzip.compress(small_layer())[:-9], "", "", [], "invalid gzip data"),
        (tar(("../x", b"")), "", "", [], "path escapes"),
        (small_layer(), "UPPER", "", [], "must be lowercase"),
        (small_layer(), "a", "b a d", [], "invalid tag format"),
        (small_layer(), "", "", ["RUN x"], "not a valid change command"),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else None,
)
def test_a_bad_import_is_refused_and_leaves_nothing(
    tmp_path: Path, data: bytes, repo: str, tag: str, changes: list[str], reason: str
) -> None:
    async def body(store: ImageStore, _: Events) -> None:
        with pytest.raises(InvalidParameter, match=reason):
            await store.import_(pieces(data), repo, tag, "", changes)
        assert contents(str(tmp_path)) == set()

    with_store(str(tmp_path), body)


def test_limits_on_size_are_kept(tmp_path: Path) -> None:
    async def body(store: ImageStore, _: Events) -> None:
        with pytest.raises(InvalidParameter, match="too large"):
            await store.load(pieces(small_image()))

    with_store(str(tmp_path), body, archive_limit=1000)


def test_an_image_in_use_is_not_removed(tmp_path: Path) -> None:
    async def body(store: ImageStore, _: Events) -> None:
        await store.load(pieces(small_image()))
        use = ImageUse("c" * 64, True, store.resolve("small").id)
        with pytest.raises(Conflict):
            await store.remove("small", False, False, [use])
        assert (await store.prune(ImageFilter(dangling=False), [use])).removed == ()

    with_store(str(tmp_path), body)


def test_a_blob_being_saved_is_not_removed_under_it(tmp_path: Path) -> None:
    async def body(store: ImageStore, _: Events) -> None:
        await store.load(pieces(small_image()))
        stream = store.save(["small"])
        start = await anext(stream)
        await store.remove("small", False, False, [])
        saved = start + await gathered(stream)
        assert [name for name in contents(str(tmp_path)) if name.startswith("blobs")] == []
        assert (await store.load(pieces(saved)))[0].name == "small:latest"

    with_store(str(tmp_path), body)


def test_leftovers_of_a_crash_are_cleared_and_nothing_unreadable_is_lost(tmp_path: Path) -> None:
    async def load(store: ImageStore, _: Events) -> None:
        await store.load(pieces(small_image()))

    with_store(str(tmp_path), load)
    (tmp_path / "blobs/sha256" / ("0" * 64)).write_bytes(b"left over")
    (tmp_path / "tmp/image-x").mkdir()
    (tmp_path / "overlay/new-x/diff").mkdir(parents=True)

    async def clean(store: ImageStore, _: Events) -> None:
        assert store.problems == []
        assert len(contents(str(tmp_path))) == 3 + 2 + 2

    with_store(str(tmp_path), clean)
    (metadata,) = (path for path in (tmp_path / "images").iterdir() if len(path.stem) == 64)
    metadata.write_text("damaged")

    async def damaged(store: ImageStore, _: Events) -> None:
        assert len(store.problems) == 1
        assert store.list() == []
        assert len([name for name in contents(str(tmp_path)) if name.startswith("blobs")]) == 3

    with_store(str(tmp_path), damaged)


def test_tags_are_checked() -> None:
    assert tag_reference("a", "").familiar == "a:latest"
    assert tag_reference("a:1", "").familiar == "a:1"
    assert tag_reference("a:1", "2").familiar == "a:2"
    for repo, tag in (("", ""), ("a", ":"), ("a@sha256:" + "0" * 64, ""), ("A", "")):
        with pytest.raises(InvalidParameter):
            tag_reference(repo, tag)


def test_tag_and_its_event(tmp_path: Path) -> None:
    async def body(store: ImageStore, events: Events) -> None:
        await store.load(pieces(small_image()))
        await store.tag("small", "me/other", "1")
        assert store.resolve("me/other:1").id == store.resolve("small").id
        event = events.subscribe(0)._queue[-1]
        assert (event.action, event.attributes["name"]) == ("tag", "me/other:1")
        with pytest.raises(NotFound):
            await store.tag("nope", "x")

    with_store(str(tmp_path), body)
