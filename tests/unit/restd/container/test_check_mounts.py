from pathlib import Path

import pytest

from restd.container.check_mounts import check_mounts, make_sources
from restd.errors import InvalidParameter, NotFound, NotImplementedYet, SystemFailure
from restd.model.container import BindOptions, HostConfig, Mount, TmpfsOptions, VolumeDriver, VolumeOptions
from restd.model.volume import MountPoint
from restd.oci.mount_points import wanted


@pytest.mark.parametrize(
    ("mount", "words"),
    [
        (Mount("odd", "", "/x"), 'invalid mount config for type "odd": mount type unknown'),
        (Mount("tmpfs", "", ""), "field Target must not be empty"),
        (Mount("tmpfs", "", "x"), "mount path must be absolute"),
        (Mount("tmpfs", "", "/"), "destination can't be '/'"),
        (Mount("tmpfs", "", "//"), "destination can't be '/'"),
        (Mount("tmpfs", "/src", "/x"), "field Source must not be specified"),
        (Mount("tmpfs", "", "/x", tmpfs_options=TmpfsOptions(size_bytes=-1)), "SizeBytes"),
        (Mount("tmpfs", "", "/x", bind_options=BindOptions()), "field BindOptions must not be specified"),
        (Mount("bind", "", "/x"), "field Source must not be empty"),
        (Mount("bind", "src", "/x"), "mount path must be absolute"),
        (Mount("bind", "/nonexistent", "/x"), "bind source path does not exist: /nonexistent"),
        (Mount("bind", "/", "/x", volume_options=VolumeOptions()), "field VolumeOptions must not be specified"),
        (Mount("bind", "/", "/x", bind_options=BindOptions("odd")), "invalid propagation mode: odd"),
        (Mount("bind", "/a\0b", "/x"), "null byte"),
        (Mount("volume", "vol", "/x", bind_options=BindOptions()), "field BindOptions must not be specified"),
        (Mount("volume", "", "/x", read_only=True), "must not set ReadOnly mode when using anonymous volumes"),
        (Mount("volume", "", "/x", volume_options=VolumeOptions(subpath="a")), "must not set Subpath when using anon"),
        (Mount("volume", "vol", "/x", volume_options=VolumeOptions(subpath="../a")), "subpath must be a relative path"),
        (Mount("volume", "vol", "/x", volume_options=VolumeOptions(subpath="/a")), "subpath must be a relative path"),
        (Mount("volume", "v", "/x"), "volume name is too short"),
        (Mount("volume", "./v", "/x"), "includes invalid characters for a local volume name"),
    ],
)
def test_a_mount_that_cannot_be_made_is_refused_in_dockers_words(mount: Mount, words: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_mounts(HostConfig(mounts=(mount,)))
    assert words in str(caught.value)


def points(host_config: HostConfig) -> list[MountPoint]:
    return [one.point for one in wanted(host_config)]


def test_drivers_and_their_options_are_looked_at_before_anything_is_made() -> None:
    with pytest.raises(NotFound, match='plugin "nfs" not found'):
        check_mounts(HostConfig(binds=("vol:/x",), volume_driver="nfs"))
    odd = VolumeOptions(driver_config=VolumeDriver("", {"odd": "x"}))
    with pytest.raises(InvalidParameter, match='invalid option: "odd"'):
        check_mounts(HostConfig(mounts=(Mount("volume", "vol", "/x", volume_options=odd),)))
    with pytest.raises(InvalidParameter, match="cannot be an empty string"):
        check_mounts(HostConfig(volumes_from=("",)))


@pytest.mark.parametrize("bind", ["/a\0:/x", "/a:x", "/a:/x:fancy", "/a:/"])
def test_a_bind_that_cannot_be_made_is_refused(bind: str) -> None:
    with pytest.raises(InvalidParameter):
        check_mounts(HostConfig(binds=(bind,)))


def test_two_mounts_on_one_point_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="Duplicate mount point: /x"):
        check_mounts(HostConfig(binds=("/a:/x",), tmpfs={"/x/": ""}))


def test_an_option_that_is_not_carried_out_is_refused() -> None:
    mount = Mount("bind", "/", "/x", bind_options=BindOptions(read_only_force_recursive=True))
    with pytest.raises(NotImplementedYet, match="ReadOnlyForceRecursive"):
        check_mounts(HostConfig(mounts=(mount,)))


def test_missing_sources_are_made_where_docker_makes_them(tmp_path: Path) -> None:
    asked = Mount("bind", str(tmp_path / "c"), "/c", bind_options=BindOptions(create_mountpoint=True))
    host_config = HostConfig(binds=(f"{tmp_path}/a/b:/x:ro",), mounts=(asked,))
    check_mounts(host_config)
    make_sources(points(host_config))
    assert (tmp_path / "a/b").is_dir() and (tmp_path / "c").is_dir()
    assert (tmp_path / "a/b").stat().st_mode & 0o777 == 0o755


def test_a_source_that_vanished_since_the_create_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    host_config = HostConfig(mounts=(Mount("bind", str(tmp_path / "file"), "/x"),))
    make_sources(points(host_config))
    (tmp_path / "file").unlink()
    with pytest.raises(InvalidParameter, match="bind source path does not exist"):
        make_sources(points(host_config))


def test_a_source_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemFailure, match="error while creating mount source path"):
        make_sources(points(HostConfig(binds=(f"{tmp_path}/file/below:/x",))))
