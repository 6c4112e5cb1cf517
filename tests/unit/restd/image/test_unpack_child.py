from __future__ import annotations

import os
import stat
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.image import unpack_child
from restd.image.tar import InvalidArchive
from restd.image.unpack_child import inside
from tests.unit.restd.image.building import entry, tar

CAPABILITY = b"\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"


class Answer(NamedTuple):
    kind: str
    text: str


def unpack(target: Path, data: bytes, *, pipe: bool = False, most: int = 1 << 30, entries: int = 1000) -> Answer:
    """What the child answers for a tar on its stdin, a file or a pipe."""
    target.mkdir(exist_ok=True)
    command = [sys.executable, "-I", "-S", "-E", unpack_child.__file__, str(target), str(most), str(entries)]
    if pipe:
        done = subprocess.run(command, input=data, capture_output=True)
    else:
        archive = target.with_name(target.name + ".tar")
        archive.write_bytes(data)
        with archive.open("rb") as file:
            done = subprocess.run(command, stdin=file, capture_output=True)
    assert done.stderr == b""
    kind, _, text = done.stdout.decode().partition(" ")
    assert done.returncode == (0 if kind == "ok" else 1)
    return Answer(kind, text)


@given(st.lists(st.sampled_from([b"..", b".", b"", b"a", b"b..", b"...", b".wh.x"]), max_size=8))
def test_a_cleaned_name_stays_inside_or_is_refused(parts: list[bytes]) -> None:
    name = b"/".join(parts)
    try:
        clean = inside(name)
    except InvalidArchive:
        assert os.path.normpath(b"./" + name.lstrip(b"/")).startswith(b"..")
        return
    assert not set(clean.split(b"/")) & {b"..", b"."}
    assert os.path.normpath(b"/" + clean) == os.path.normpath(b"/" + name.lstrip(b"/"))


@pytest.mark.root
@pytest.mark.parametrize("pipe", [False, True])
def test_everything_about_a_file_is_restored(tmp_path: Path, pipe: bool) -> None:
    root = tmp_path / "root"
    big = os.urandom(3_000_000)
    headers = {"SCHILY.xattr.user.a": "v", "mtime": "1700000000.123456789"}
    capability = {"SCHILY.xattr.security.capability": CAPABILITY.decode("latin-1")}
    answer = unpack(
        root,
        tar(
            entry("./", tarfile.DIRTYPE, mode=0o750, uid=7, gid=8),
            entry("tmp", tarfile.DIRTYPE, mode=0o1777, mtime=1_600_000_000),
            (entry("tmp/su", mode=0o4755, uid=5, gid=6, pax_headers=headers), b"x"),
            (entry("tmp/big"), big),
            (entry("tmp/cap", pax_headers=capability), b"x"),
            entry("tmp/soft", tarfile.SYMTYPE, linkname="/etc/passwd", uid=9, gid=9),
            entry("tmp/hard", tarfile.LNKTYPE, linkname="./tmp/su"),
            entry("tmp/dev", tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666),
            entry("tmp/fifo", tarfile.FIFOTYPE, mode=0o600),
            ("deep/er/file", b"implied parents"),
        ),
        pipe=pipe,
    )
    assert answer == ("ok", f"10 {len(big) + 2 + 15}")
    top, su, tmp = root.stat(), (root / "tmp/su").stat(), (root / "tmp").stat()
    assert (top.st_mode & 0o7777, top.st_uid, top.st_gid) == (0o750, 7, 8)
    assert (su.st_mode & 0o7777, su.st_uid, su.st_gid, su.st_mtime_ns) == (0o4755, 5, 6, 1_700_000_000_123_456_789)
    assert os.getxattr(root / "tmp/su", "user.a") == b"v"
    assert os.getxattr(root / "tmp/cap", "security.capability") == CAPABILITY
    assert (tmp.st_mode & 0o7777, tmp.st_mtime) == (0o1777, 1_600_000_000)
    assert (root / "tmp/big").read_bytes() == big
    assert os.readlink(root / "tmp/soft") == "/etc/passwd"
    assert (root / "tmp/soft").lstat().st_uid == 9
    assert (root / "tmp/hard").stat().st_ino == su.st_ino
    device = (root / "tmp/dev").stat()
    assert stat.S_ISCHR(device.st_mode)
    assert device.st_rdev == os.makedev(1, 3)
    assert stat.S_ISFIFO((root / "tmp/fifo").stat().st_mode)


@pytest.mark.root
def test_whiteouts_become_overlayfs_own(tmp_path: Path) -> None:
    root = tmp_path / "root"
    unpack(
        root,
        tar(
            ("a/.wh.gone", b""),
            ("b/.wh..wh..opq", b""),
            entry("c", tarfile.DIRTYPE),
            (".wh.c", b""),
            (".wh.d", b""),
            ("d/file", b"x"),
            (".wh.e", b""),
            ("e", b"x"),
            (".wh..wh.plnk", b""),
        ),
    )
    gone = (root / "a/gone").lstat()
    assert stat.S_ISCHR(gone.st_mode)
    assert gone.st_rdev == 0
    for name in ("b", "c", "d"):
        assert os.getxattr(root / name, "trusted.overlay.opaque") == b"y"
    assert (root / "e").read_text() == "x"
    assert sorted(path.name for path in root.iterdir()) == ["a", "b", "c", "d", "e"]


@pytest.mark.root
def test_the_last_entry_of_a_name_counts(tmp_path: Path) -> None:
    root = tmp_path / "root"
    answer = unpack(
        root,
        tar(
            ("file", b"first"),
            ("file", b"second"),
            entry("link", tarfile.SYMTYPE, linkname="elsewhere"),
            entry("link", tarfile.DIRTYPE),
            ("link/x", b"x"),
            entry("dir", tarfile.DIRTYPE),
            ("dir/y", b"y"),
            ("dir", b"now a file"),
            entry("file", tarfile.LNKTYPE, linkname="file"),
        ),
    )
    assert answer.kind == "ok"
    assert (root / "file").read_text() == "second"
    assert (root / "link/x").read_text() == "x"
    assert (root / "dir").read_text() == "now a file"


@pytest.mark.root
def test_a_link_over_the_root_leads_no_further_than_the_root(tmp_path: Path) -> None:
    """Images have such links, and Docker takes them: in a root they end there."""
    link = entry("s", tarfile.SYMTYPE, linkname="../../outside")
    layer = tar(entry("outside", tarfile.DIRTYPE), link, ("s/x", b"inside"))
    assert unpack(tmp_path / "root", layer).kind == "ok"
    assert (tmp_path / "root" / "outside" / "x").read_text() == "inside"
    assert not (tmp_path / "outside").exists()


@pytest.mark.root
@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([("../outside", b"x")], "path escapes"),
        ([("a/../../outside", b"x")], "path escapes"),
        ([entry("h", tarfile.LNKTYPE, linkname="../../outside")], "path escapes"),
        ([entry("h", tarfile.LNKTYPE, linkname="missing")], "not in the layer"),
        ([entry("loop", tarfile.SYMTYPE, linkname="loop"), ("loop/x", b"")], "symbolic links"),
        ([("f", b""), ("f/x", b"")], "conflicting entries"),
        ([entry("x", b"Q")], "unsupported entry type"),
        ([entry("./", tarfile.REGTYPE)], "root of a layer"),
        ([(".wh...", b"")], "invalid whiteout"),
        ([("n" * 300, b"")], "name too long"),
        ([("a", b"x" * 2000)], "larger than 1000 bytes"),
        ([(f"{number}", b"") for number in range(20)], "more than 10 entries"),
    ],
)
def test_a_hostile_layer_is_refused_with_a_reason(tmp_path: Path, members: list[Any], reason: str) -> None:
    victim = tmp_path / "outside"
    answer = unpack(tmp_path / "root", tar(*members), most=1000, entries=10)
    assert answer.kind == "invalid"
    assert reason.lower() in answer.text.lower()
    assert not victim.exists()


@pytest.mark.root
def test_links_lead_nowhere_but_into_the_layer(tmp_path: Path) -> None:
    root, victim = tmp_path / "root", tmp_path / "victim"
    victim.mkdir()
    answer = unpack(
        root,
        tar(
            entry("door", tarfile.SYMTYPE, linkname=str(victim)),
            ("door/evil", b"x"),
            entry(str(victim).lstrip("/"), tarfile.DIRTYPE),
            ("/absolute", b"x"),
            entry("cwd", tarfile.SYMTYPE, linkname="/proc/self/cwd"),
        ),
    )
    assert list(victim.iterdir()) == []
    assert answer.kind == "invalid" or (root / "absolute").exists()
    assert not Path("/absolute").exists()


@pytest.mark.root
def test_overlay_marks_in_an_archive_are_not_taken(tmp_path: Path) -> None:
    root = tmp_path / "root"
    headers = {"SCHILY.xattr.trusted.overlay.redirect": "/x", "SCHILY.xattr.trusted.other": "y"}
    unpack(root, tar(entry("d", tarfile.DIRTYPE, pax_headers=headers)))
    assert os.listxattr(root / "d") == ["trusted.other"]


@pytest.mark.root
@pytest.mark.parametrize("pipe", [False, True])
def test_a_truncated_layer_is_refused(tmp_path: Path, pipe: bool) -> None:
    data = tar(("a", os.urandom(200_000)))
    answer = unpack(tmp_path / "root", data[:100_000], pipe=pipe)
    assert answer.text == "unexpected end of archive"


@pytest.mark.root
def test_a_sparse_file_keeps_its_holes(tmp_path: Path) -> None:
    headers = {"GNU.sparse.map": "50000000,3", "GNU.sparse.size": "60000000", "GNU.sparse.name": "s"}
    unpack(tmp_path / "root", tar((entry("x", pax_headers=headers), b"abc")))
    status = (tmp_path / "root/s").stat()
    assert status.st_size == 60_000_000
    assert status.st_blocks * 512 < 1_000_000
    with (tmp_path / "root/s").open("rb") as file:
        file.seek(50_000_000)
        assert file.read(4) == b"abc\0"
