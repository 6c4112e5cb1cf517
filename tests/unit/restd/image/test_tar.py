from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restd.image.tar import Blocks, Entry, InvalidArchive, TarReader, parse_pax, parse_pax_time
from tests.unit.restd.image.building import entry, tar


def source(data: bytes, step: int) -> Blocks:
    stream = io.BytesIO(data)
    return Blocks(lambda count: stream.read(min(step, count)))


def read(data: bytes, step: int = 1 << 20) -> list[tuple[Entry, bytes]]:
    reader = TarReader(source(data, step))
    return [(member, b"".join(bytes(piece) for piece in reader.data())) for member in reader]


NAMES = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=150).filter(
    lambda name: not name.endswith("/") and len(name.encode()) < 400
)


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(
            NAMES,
            st.binary(max_size=2000),
            st.integers(0, 0o7777),
            st.integers(0, 2**31),
            st.decimals(0, 2**33, places=9),
        ),
        max_size=5,
    ),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    st.sampled_from([1, 511, 513, 10_000]),
)
def test_whatever_tarfile_writes_is_read_back(members: list[Any], form: int, step: int) -> None:
    written = []
    for name, data, mode, owner, time in members:
        whole = int(time)
        written.append((entry(name, mode=mode, uid=owner, gid=owner, mtime=whole), data))
    found = read(tar(*written, form=form), step)
    assert [(one.name.decode(), data, one.mode, one.uid, one.gid, one.mtime) for one, data in found] == [
        (name, data, mode, owner, owner, int(time) * 10**9) for name, data, mode, owner, time in members
    ]


@settings(max_examples=80)
@given(st.binary(max_size=1500), st.integers(0, 3000), st.integers(0, 255))
def test_a_damaged_archive_gives_members_or_invalid_archive_and_nothing_else(
    noise: bytes, position: int, byte: int
) -> None:
    good = bytearray(tar(("name" * 40, b"x" * 700), entry("d", tarfile.DIRTYPE)))
    good[position % len(good)] = byte
    for data in (noise, bytes(good), noise + bytes(good)):
        try:
            read(data)
        except InvalidArchive:
            continue


def test_every_cut_inside_a_member_is_noticed() -> None:
    data = tar(("name" * 40, b"x" * 700), ("second", b"y" * 10))
    end = len(data.rstrip(b"\0"))
    for cut in range(1, end, 37):
        with pytest.raises(InvalidArchive):
            read(data[:cut] if cut % 512 else data[: cut + 1])


def test_links_devices_and_extended_attributes_come_through() -> None:
    members = [
        entry("hard", tarfile.LNKTYPE, linkname="target"),
        entry("soft", tarfile.SYMTYPE, linkname="t" * 300),
        entry("dev", tarfile.CHRTYPE, devmajor=5, devminor=300),
        entry("fifo", tarfile.FIFOTYPE),
        entry("attributed", pax_headers={"SCHILY.xattr.user.a": "b\nc", "mtime": "1.000000007"}),
    ]
    found = [member for member, _ in read(tar(*members))]
    assert found[1].link == b"t" * 300
    assert (found[2].major, found[2].minor) == (5, 300)
    assert found[4].xattrs == {"user.a": b"b\nc"}
    assert found[4].mtime == 1_000_000_007


def test_a_global_header_counts_for_all_that_follow() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"uid": "77"}) as archive:
        archive.addfile(entry("a"))
        archive.addfile(entry("b"))
    assert [member.uid for member, _ in read(out.getvalue())] == [77, 77]


def test_base_256_numbers_are_read() -> None:
    data = tar(entry("a", uid=2**30, mtime=2**34), form=tarfile.GNU_FORMAT)
    member = read(data)[0][0]
    assert (member.uid, member.mtime) == (2**30, 2**34 * 10**9)


@pytest.mark.parametrize("form", ["gnu", "posix --sparse-version=0.0", "posix --sparse-version=0.1", "posix"])
def test_sparse_files_in_every_form_that_gnu_tar_writes(tmp_path: Path, form: str) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        for number in range(30):
            file.seek(number * 100_000)
            file.write(b"%d" % number * 4096)
        file.truncate(5_000_000)
    archive = subprocess.run(
        ["tar", "-C", str(tmp_path), "-S", *f"--format={form}".split(), "-cf", "-", "sparse"],
        check=True,
        capture_output=True,
    ).stdout
    member, data = read(archive)[0]
    assert member.name == b"sparse"
    assert member.sparse is not None
    out = bytearray(member.real_size)
    at = 0
    for offset, length in member.sparse:
        out[offset : offset + length] = data[at : at + length]
        at += length
    assert bytes(out) == path.read_bytes()
    assert len(data) < os.path.getsize(path)


def test_a_sparse_map_that_lies_is_refused() -> None:
    headers = {"GNU.sparse.map": "0,10,5,10", "GNU.sparse.size": "100"}
    with pytest.raises(InvalidArchive, match="sparse"):
        read(tar((entry("s", pax_headers=headers), b"x" * 20)))


@pytest.mark.parametrize("data", [b"5 a=b\n", b"x a=b\n", b"6 a=b", b"99 a=b\n", b"4 ab\n", b"6 =bb\n"])
def test_a_malformed_pax_record_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArchive):
        parse_pax(data)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.binary(min_size=1, max_size=9).filter(lambda key: b"=" not in key), st.binary(max_size=30)))
)
def test_pax_records_come_back_as_they_were_written(records: list[tuple[bytes, bytes]]) -> None:
    out = b""
    for key, value in records:
        size = len(key) + len(value) + 3
        while len(str(size)) + len(key) + len(value) + 3 != size:
            size = len(str(size)) + len(key) + len(value) + 3
        out += b"%d %s=%s\n" % (size, key, value)
    assert parse_pax(out) == records


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [(b"1", 10**9), (b"1.5", 1_500_000_000), (b"-1.25", -1_250_000_000), (b"0.0000000019", 1), (b".5", 500_000_000)],
)
def test_pax_times_keep_nanoseconds(text: bytes, nanoseconds: int) -> None:
    assert parse_pax_time(text) == nanoseconds


@pytest.mark.parametrize("text", [b"", b"x", b"1.x", b"-", b"9" * 19])
def test_a_pax_time_that_is_none_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidArchive):
        parse_pax_time(text)
