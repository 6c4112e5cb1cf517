import contextlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restd.volume import copy_child


def copied(source: Path, target: Path) -> None:
    target.mkdir()
    assert copy_child.main([str(source), str(target)]) == 0


def test_everything_that_makes_a_file_what_it_is(tmp_path: Path) -> None:
    source, target = tmp_path / "s", tmp_path / "t"
    (source / "deep/er").mkdir(parents=True)
    (source / "deep/er/file").write_bytes(b"hello")
    (source / "setuid").write_bytes(b"x")
    os.chmod(source / "setuid", 0o4755)
    os.link(source / "deep/er/file", source / "second")
    os.symlink("../outside", source / "deep/link")
    os.symlink("/etc/passwd", source / "absolute")
    os.mkfifo(source / "pipe", 0o622)
    os.chmod(source / "pipe", 0o622)
    os.chmod(source / "deep", 0o2750)
    os.utime(source / "deep", ns=(1_000_000_001, 2_000_000_002))
    os.chmod(source, 0o1777)
    with contextlib.suppress(OSError):
        os.setxattr(source / "setuid", "user.mark", b"\0value")
    copied(source, target)
    assert (target / "deep/er/file").read_bytes() == b"hello"
    assert os.stat(target / "second").st_ino == os.stat(target / "deep/er/file").st_ino
    assert os.readlink(target / "deep/link") == "../outside" and os.readlink(target / "absolute") == "/etc/passwd"
    assert stat.S_ISFIFO(os.stat(target / "pipe").st_mode)
    for path in ("", "deep", "setuid", "pipe", "deep/er/file"):
        before, after = os.stat(source / path), os.stat(target / path)
        assert (before.st_mode, before.st_uid, before.st_gid, before.st_mtime_ns) == (
            after.st_mode, after.st_uid, after.st_gid, after.st_mtime_ns,
        ), path  # fmt: skip
    assert os.listxattr(target / "setuid") == os.listxattr(source / "setuid")


def test_holes_stay_holes(tmp_path: Path) -> None:
    source = tmp_path / "s"
    source.mkdir()
    with open(source / "sparse", "wb") as file:
        file.seek(8 << 20)
        file.write(b"end")
        file.truncate(32 << 20)
    copied(source, tmp_path / "t")
    made = os.stat(tmp_path / "t/sparse")
    assert made.st_size == 32 << 20 and made.st_blocks * 512 < 1 << 20
    assert (tmp_path / "t/sparse").read_bytes()[8 << 20 : (8 << 20) + 4] == b"end\0"


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=70_000), st.integers(0, 200_000))
def test_any_content(tmp_path_factory: pytest.TempPathFactory, data: bytes, gap: int) -> None:
    place = tmp_path_factory.mktemp("copy")
    (place / "s").mkdir()
    with open(place / "s/file", "wb") as file:
        file.write(data)
        file.seek(gap, os.SEEK_CUR)
        file.write(data)
    copied(place / "s", place / "t")
    assert (place / "t/file").read_bytes() == (place / "s/file").read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_owners_and_devices(tmp_path: Path) -> None:
    source = tmp_path / "s"
    source.mkdir()
    (source / "theirs").touch()
    os.chown(source / "theirs", 1234, 5678)
    os.symlink("x", source / "link")
    os.chown(source / "link", 12, 34, follow_symlinks=False)
    os.mknod(source / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    copied(source, tmp_path / "t")
    owners = {name: os.lstat(tmp_path / "t" / name) for name in ("theirs", "link", "null")}
    assert (owners["theirs"].st_uid, owners["theirs"].st_gid) == (1234, 5678)
    assert (owners["link"].st_uid, owners["link"].st_gid) == (12, 34)
    assert owners["null"].st_rdev == os.makedev(1, 3)


def test_it_runs_alone_and_says_what_went_wrong(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", "-E", copy_child.__file__, str(tmp_path / "none"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    assert done.returncode == 1 and b"No such file or directory" in done.stderr
