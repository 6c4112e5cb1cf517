from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restd.lib import mounts

LINE = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext3 /dev/ro\\134ot rw,errors=continue"


def test_a_line_of_mountinfo_is_taken_apart_and_its_escapes_undone() -> None:
    (mount,) = mounts.parse_mountinfo(LINE + "\n")
    assert (mount.mount_id, mount.parent_id, mount.device, mount.root) == (36, 35, "98:0", "/mnt1")
    assert (mount.target, mount.kind, mount.source) == ("/mnt 2", "ext3", "/dev/ro\\ot")
    assert mount.propagation == ("master:1", "shared:2")


@settings(deadline=None)
@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1))
def test_any_mount_point_the_kernel_escapes_comes_back(target: str) -> None:
    escaped = "".join(f"\\{ord(char):03o}" if char in " \t\n\\#" else char for char in target)
    (mount,) = mounts.parse_mountinfo(f"1 2 0:1 / {escaped} rw - tmpfs none rw")
    assert mount.target == target


@pytest.mark.parametrize("line", ["x", "1 2 0:1 / /t rw tmpfs none rw", "1 2 0:1 / - a b c", "a 2 0:1 / /t rw - a b c"])
def test_a_line_of_another_shape_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        mounts.parse_mountinfo(line)


def test_the_mounts_of_this_process_are_listed() -> None:
    assert "/proc" in {mount.target for mount in mounts.list_mounts()}
    assert mounts.is_mount_point("/proc")
    assert not mounts.is_mount_point("/proc/self")
    assert not mounts.is_mount_point("/nowhere/at/all")


def test_options_over_a_page_are_refused_before_the_kernel_cuts_them() -> None:
    with pytest.raises(ValueError, match="do not fit in a page"):
        mounts.mount("x", "/nowhere", "tmpfs", 0, "a" * os.sysconf("SC_PAGE_SIZE"))


def test_a_failed_call_is_an_os_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        mounts.mount("none", str(tmp_path / "missing"), "tmpfs")
    assert caught.value.filename == str(tmp_path / "missing")
    with pytest.raises(OSError) as other:
        mounts.unmount(str(tmp_path))
    assert other.value.errno in (errno.EINVAL, errno.EPERM)


def test_a_file_system_is_synced_by_any_path_on_it(tmp_path: Path) -> None:
    mounts.sync_file_system(str(tmp_path))
    with pytest.raises(FileNotFoundError):
        mounts.sync_file_system(str(tmp_path / "missing"))


@pytest.mark.root
def test_mount_bind_read_only_and_unmount(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    mounts.mount("none", str(source), "tmpfs", mounts.MS_NOSUID, "size=64k")
    try:
        (source / "file").write_text("x")
        mounts.bind(str(source), str(target), read_only=True)
        mounts.make_private(str(target))
        assert mounts.is_mount_point(str(target))
        assert (target / "file").read_text() == "x"
        with pytest.raises(OSError) as caught:
            (target / "other").write_text("x")
        assert caught.value.errno == errno.EROFS
    finally:
        mounts.unmount(str(target), detach=True)
        mounts.unmount(str(source))
    assert not mounts.is_mount_point(str(target))
