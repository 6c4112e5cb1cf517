from __future__ import annotations

import asyncio
import tarfile
from pathlib import Path

import pytest

from restd.errors import InvalidParameter, NotFound
from restd.image.build.context import Context
from tests.unit.restd.image.building import entry, pieces, tar

pytestmark = pytest.mark.root


def made(tmp_path: Path, *members: tuple[str | tarfile.TarInfo, bytes], number: int = 0) -> Context:
    async def inside() -> Context:
        context = await Context.unpack(str(tmp_path / str(number)), pieces(tar(*members)))
        await context.settle("Dockerfile")
        return context

    return asyncio.run(inside())


def test_what_is_ignored_is_gone(tmp_path: Path) -> None:
    context = made(
        tmp_path,
        (".dockerignore", b"*.log\nd\n!d/keep\n"),
        ("a.log", b""),
        ("a", b""),
        ("d/x", b""),
        ("d/keep", b""),
    )
    assert context.sources("*") == [".dockerignore", "a", "d"]
    assert context.has("d/keep")
    assert not context.has("d/x")
    assert not (tmp_path / "0" / "a.log").exists()


def test_a_dockerfile_may_have_rules_of_its_own(tmp_path: Path) -> None:
    context = made(tmp_path, ("Dockerfile.dockerignore", b"b"), (".dockerignore", b"a"), ("a", b""), ("b", b""))
    assert context.has("a")
    assert not context.has("b")


def test_digests_change_with_what_counts(tmp_path: Path) -> None:
    def digest(number: int, text: bytes, mtime: int, mode: int = 0o644) -> str:
        info = entry("d/f", mtime=mtime, mode=mode)
        info.size = len(text)
        return made(tmp_path, (info, text), ("other", str(number).encode()), number=number).digest(["d"])

    same = digest(1, b"x", 1)
    assert digest(2, b"x", 2) == same
    assert digest(3, b"y", 1) != same
    assert digest(4, b"x", 1, 0o755) != same


def test_files_are_read_inside_only(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret")
    link = entry("link", tarfile.SYMTYPE, linkname="../outside")
    context = made(tmp_path, ("Dockerfile", b"FROM x"), (link, b""))
    assert context.read("Dockerfile") == b"FROM x"
    for path in ("link", "../outside", "/nothing"):
        with pytest.raises(NotFound, match="Cannot locate specified Dockerfile"):
            context.read(path)


def test_wildcards_must_mean_something(tmp_path: Path) -> None:
    context = made(tmp_path, ("a", b""))
    assert context.sources("b") == ["b"]
    assert context.sources("./") == ["."]
    with pytest.raises(InvalidParameter, match="no source files were specified"):
        context.sources("x*")
