from __future__ import annotations

import asyncio
import gzip
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import InvalidParameter, Unavailable
from restd.image.spool import Feed, FileSpooler, Member, Spool, Spooler, member_name
from tests.unit.restd.image.building import digest, entry, tar


def spooled(root: Path, data: bytes, limit: int = 1 << 30, piece: int = 1000) -> Spool:
    async def run() -> Spool:
        feed = Feed()
        (root / "spool").mkdir(exist_ok=True)
        work = asyncio.ensure_future(asyncio.to_thread(Spooler(str(root / "spool"), str(root), limit).run, feed))
        for at in range(0, len(data), piece):
            if not await feed.put(data[at : at + piece]):
                break
        feed.end()
        return await work

    return asyncio.run(run())


def test_members_are_files_with_their_digests(tmp_path: Path) -> None:
    data = os.urandom(300_000)
    spool = spooled(tmp_path, gzip.compress(tar(("./a/b", data), ("c", b""))))
    member = spool.find("a/b")
    assert member is not None
    assert (member.digest, member.size) == (digest(data), len(data))
    assert Path(member.path).read_bytes() == data


def test_links_are_followed_inside_the_archive_and_circles_end(tmp_path: Path) -> None:
    spool = spooled(
        tmp_path,
        tar(
            ("dir/file", b"x"),
            entry("soft", tarfile.SYMTYPE, linkname="dir/../dir"),
            entry("sub/soft", tarfile.SYMTYPE, linkname="../soft/file"),
            entry("sub/hard", tarfile.LNKTYPE, linkname="dir/file"),
            entry("round", tarfile.SYMTYPE, linkname="round"),
            entry("grow", tarfile.SYMTYPE, linkname="grow/more"),
        ),
    )
    expected = spool.find("dir/file")
    assert expected is not None
    assert spool.find("soft/file") == spool.find("sub/soft") == spool.find("sub/hard") == expected
    assert spool.find("nothing") is None
    for name in ("round", "grow"):
        with pytest.raises(InvalidParameter, match="too many links"):
            spool.find(name)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([("../x", b"")], "leads out of the archive"),
        ([("/etc/x", b"")], "absolute name"),
        ([entry("l", tarfile.SYMTYPE, linkname="/etc/passwd")], "leads out of the archive"),
        ([entry("l", tarfile.SYMTYPE, linkname="../x")], "leads out of the archive"),
        ([entry("a/l", tarfile.LNKTYPE, linkname="../x")], "leads out of the archive"),
        ([entry("d", tarfile.CHRTYPE)], "not a plain file"),
        ([entry("f", tarfile.FIFOTYPE)], "not a plain file"),
        ([("x", b"1"), ("./x", b"2")], "in it twice"),
        ([("blobs/sha256/" + "0" * 64, b"x")], "has the digest"),
        ([("x", b"y" * 2000)], "too large"),
        ([(b"\xff".decode("utf-8", "surrogateescape"), b"")], "not UTF-8"),
    ],
)
def test_a_hostile_archive_is_refused(tmp_path: Path, members: list[Any], reason: str) -> None:
    with pytest.raises(InvalidParameter, match=reason):
        spooled(tmp_path, tar(*members, form=tarfile.GNU_FORMAT), limit=1000)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b"\0" * 10240, "it is empty"),
        (b"garbage" * 1000, "invalid tar header"),
        (b"{}", "unexpected end"),
        (gzip.compress(b"garbage" * 1000), "invalid tar header"),
        (gzip.compress(tar(("x", b"y" * 5000)))[:60], "unexpected end"),
        (tar(("x", b"y" * 5000))[:2000], "unexpected end"),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else None,
)
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(InvalidParameter, match=reason):
        spooled(tmp_path, data)


def test_a_blob_the_store_has_is_checked_but_not_written_again(tmp_path: Path) -> None:
    (tmp_path / digest(b"known")[7:]).write_bytes(b"known")
    spool = spooled(tmp_path, tar(("blobs/sha256/" + digest(b"known")[7:], b"known")))
    member = spool.find("blobs/sha256/" + digest(b"known")[7:])
    assert member is not None
    assert os.stat(member.path).st_nlink == 2


def test_a_blob_the_store_has_is_not_replaced_by_one_that_lies(tmp_path: Path) -> None:
    (tmp_path / digest(b"known")[7:]).write_bytes(b"known")
    with pytest.raises(InvalidParameter, match="has the digest"):
        spooled(tmp_path, tar(("blobs/sha256/" + digest(b"known")[7:], b"wrong")))
    assert (tmp_path / digest(b"known")[7:]).read_bytes() == b"known"


def test_a_reader_that_gives_up_ends_the_writing(tmp_path: Path) -> None:
    async def run() -> None:
        feed = Feed()
        work = asyncio.ensure_future(asyncio.to_thread(Spooler(str(tmp_path), str(tmp_path), 1 << 30).run, feed))
        await feed.put(b"garbage" * 1000)
        while await asyncio.wait_for(feed.put(bytes(1 << 20)), 10):
            pass
        with pytest.raises(InvalidParameter):
            await work

    asyncio.run(run())


def test_a_feed_holds_a_bounded_number_of_bytes(tmp_path: Path) -> None:
    async def run() -> None:
        feed = Feed()
        for _ in range(8):
            await feed.put(bytes(1 << 20))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(feed.put(b"x"), 0.05)
        assert len(await asyncio.to_thread(feed.get)) == 8 << 20
        assert await asyncio.wait_for(feed.put(b"x"), 10)

    asyncio.run(run())


def test_a_broken_stream_reaches_the_thread(tmp_path: Path) -> None:
    async def run() -> None:
        feed = Feed()
        await feed.put(b"x")
        feed.end(Unavailable("gone"))
        with pytest.raises(Unavailable):
            await asyncio.to_thread(FileSpooler(str(tmp_path / "f"), 10).run, feed)

    asyncio.run(run())


def test_a_plain_stream_is_written_as_it_comes(tmp_path: Path) -> None:
    async def run(limit: int, name: str) -> Member:
        feed = Feed()
        await feed.put(b"abc")
        feed.end()
        return await asyncio.to_thread(FileSpooler(str(tmp_path / name), limit).run, feed)

    assert asyncio.run(run(3, "a")).digest == digest(b"abc")
    with pytest.raises(InvalidParameter, match="too large"):
        asyncio.run(run(2, "b"))


def test_a_stopped_spooler_ends(tmp_path: Path) -> None:
    async def run() -> None:
        feed, spooler = Feed(), FileSpooler(str(tmp_path / "f"), 10)
        spooler.stop()
        await feed.put(b"x")
        with pytest.raises(Unavailable):
            await asyncio.to_thread(spooler.run, feed)

    asyncio.run(run())


@given(st.text(max_size=30))
def test_a_member_name_is_clean_or_refused(text: str) -> None:
    try:
        clean = member_name(text.encode("utf-8", "surrogatepass"))
    except InvalidParameter:
        return
    assert not clean.startswith("/")
    assert not {"..", "."} & set(clean.split("/"))
