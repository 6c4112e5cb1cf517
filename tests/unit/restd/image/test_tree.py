from __future__ import annotations

import asyncio
import io
import os
import stat
import tarfile
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from restd.errors import InvalidParameter, NotFound
from restd.image.tree import Tree, changes, export, get, pack_layer, put, stat_path
from tests.unit.restd.image.building import entry, gathered, pieces, tar

pytestmark = pytest.mark.root
T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


def names(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return archive.getnames()


async def got(tree: Tree, path: str, base: str) -> bytes:
    _, stream = await get(tree, path, base)
    return await gathered(stream)


async def put_tar(tree: Tree, path: str, data: bytes, *, keep_kind: bool = False, owner: Any = None) -> None:
    await put(tree, path, pieces(data), keep_kind=keep_kind, owner=owner)


def test_links_are_followed_inside_the_tree_only(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text("inside")
    os.symlink("/etc", tmp_path / "link")
    os.symlink("../../../../../../etc", tmp_path / "up")
    tree = Tree(str(tmp_path))
    for path in ("/link/passwd", "/up/passwd", "up/passwd", "/etc/../link/passwd"):
        found = run(stat_path(tree, path))
        assert (found.name, found.size) == ("passwd", 6)
    assert run(stat_path(tree, "/link")).link_target == "/etc"
    assert names(run(got(tree, "/link/passwd", "passwd"))) == ["passwd"]
    with pytest.raises(NotFound, match="Could not find the file /nothing in container"):
        run(stat_path(tree, "/nothing"))


def test_a_folder_comes_with_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_bytes(os.urandom(3_000_000))
    tree = Tree(str(tmp_path))
    data = run(got(tree, "/a", "a"))
    assert names(data) == ["a", "a/b", "a/b/c"]
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        member = archive.extractfile("a/b/c")
        assert member is not None
        assert member.read() == (tmp_path / "a" / "b" / "c").read_bytes()
    assert names(run(gathered(run_export(tree)))) == ["a", "a/b", "a/b/c"]


async def run_export(tree: Tree) -> AsyncIterator[bytes]:
    async for piece in await export(tree):
        yield piece


def test_a_reader_that_leaves_ends_the_child(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(50_000_000))

    async def leave() -> None:
        _, stream = await get(Tree(str(tmp_path)), "/big", "big")
        async for _ in stream:
            break
        await stream.aclose()  # type: ignore[attr-defined]

    run(leave())


def test_an_archive_is_unpacked_over_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "into").mkdir()
    (tmp_path / "into" / "old").write_text("old")
    data = tar(entry("d", tarfile.DIRTYPE), ("d/new", b"new"), ("old", b"newer"))
    run(put_tar(Tree(str(tmp_path)), "/into", data))
    assert (tmp_path / "into" / "d" / "new").read_text() == "new"
    assert (tmp_path / "into" / "old").read_text() == "newer"
    run(put_tar(Tree(str(tmp_path)), "/into", tar(("own", b"x")), owner=(7, 8)))
    found = (tmp_path / "into" / "own").stat()
    assert (found.st_uid, found.st_gid) == (7, 8)


@pytest.mark.parametrize(("path", "kind"), [("/nowhere", NotFound), ("/file", InvalidParameter)])
def test_it_needs_a_folder(tmp_path: Path, path: str, kind: type[Exception]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(kind):
        run(put_tar(Tree(str(tmp_path)), path, tar(("x", b"x"))))


@pytest.mark.parametrize("name", ["../out", "a/../../out", "/../../out"])
def test_nothing_is_written_outside(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    (root / "into").mkdir(parents=True)
    with pytest.raises(InvalidParameter, match="escapes"):
        run(put_tar(Tree(str(root)), "/into", tar((name, b"x"))))
    assert os.listdir(tmp_path) == ["root"]


def test_links_in_an_archive_lead_no_further_than_the_root(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    outside = tmp_path / "etc"
    outside.mkdir()
    data = tar(entry("l", tarfile.SYMTYPE, linkname="/etc"), ("l/x", b"x"))
    run(put_tar(Tree(str(root)), "/", data))
    assert (root / "etc" / "x").read_text() == "x"
    assert not os.listdir(outside)


def test_kinds_are_kept_if_asked(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "f").touch()
    tree = Tree(str(tmp_path))
    for data in (tar(("d", b"file")), tar(entry("f", tarfile.DIRTYPE))):
        with pytest.raises(InvalidParameter, match="cannot overwrite"):
            run(put_tar(tree, "/", data, keep_kind=True))
        run(put_tar(tree, "/", data))
    assert (tmp_path / "d").is_file()
    assert (tmp_path / "f").is_dir()


@pytest.mark.parametrize("data", [b"rubbish" * 1000, tar(("x", b"x" * 5000))[:2000]])
def test_what_is_no_archive_is_said(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(InvalidParameter):
        run(put_tar(Tree(str(tmp_path)), "/", data))


def test_mounts_are_seen_where_they_would_be(tmp_path: Path) -> None:
    root, volume = tmp_path / "root", tmp_path / "volume"
    (root / "data").mkdir(parents=True)
    volume.mkdir()
    (volume / "kept").write_text("kept")
    os.symlink("/data", root / "link")
    tree = Tree(str(root), ((str(volume), "/link"),))
    assert run(stat_path(tree, "/data/kept")).size == 4
    run(put_tar(tree, "/data", tar(("more", b"x"))))
    assert (volume / "more").read_text() == "x"
    assert not os.listdir(root / "data")


def whiteout(path: Path) -> None:
    os.mknod(path, stat.S_IFCHR, 0)


def test_changes_over_layers(tmp_path: Path) -> None:
    low, upper = tmp_path / "low", tmp_path / "upper"
    for folder in ("etc", "gone", "same"):
        (low / folder).mkdir(parents=True)
    (low / "etc" / "motd").write_text("old")
    (low / "etc" / "rm").touch()
    (upper / "etc").mkdir(parents=True)
    (upper / "etc" / "motd").write_text("new")
    (upper / "etc" / "added").touch()
    (upper / "etc" / "hosts").touch()
    whiteout(upper / "etc" / "rm")
    whiteout(upper / "gone")
    (upper / "proc").mkdir()
    (upper / "same").mkdir()
    os.utime(upper / "same", ns=((low / "same").stat().st_mtime_ns,) * 2)
    found = run(changes(Tree(str(upper)), [str(low)]))
    assert found == [("/etc", 0), ("/etc/added", 1), ("/etc/motd", 0), ("/etc/rm", 2), ("/gone", 2)]


def test_an_upper_directory_is_packed_as_a_layer(tmp_path: Path) -> None:
    upper = tmp_path / "upper"
    (upper / "etc").mkdir(parents=True)
    (upper / "etc" / "hosts").touch()
    (upper / "dev").mkdir()
    (upper / "opaque").mkdir()
    os.setxattr(upper / "opaque", "trusted.overlay.opaque", b"y")
    (upper / "data").write_text("x")
    whiteout(upper / "gone")
    digest, size = run(pack_layer(str(upper), str(tmp_path / "layer")))
    data = (tmp_path / "layer").read_bytes()
    assert len(data) == size
    assert sorted(names(data)) == [
        ".wh.gone",
        "data",
        "opaque",
        "opaque/.wh..wh..opq",
    ]
    assert digest.startswith("sha256:")
