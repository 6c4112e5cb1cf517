from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import InvalidParameter
from restd.model.container import BindOptions, HostConfig, Mount, TmpfsOptions, VolumeDriver, VolumeOptions
from restd.model.volume import MountPoint
from restd.oci.mount_points import (
    declared,
    inherited,
    parse_bind,
    parse_volumes_from,
    point_of,
    tmpfs_point,
    wanted,
)

BIND = MountPoint("bind", "/b", "/a", make_source=True)
VOLUME = MountPoint("volume", "/b", name="vol", mode="z", named=True, copy=True)


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("/a:/b", BIND),
        ("/a:/b:ro", replace(BIND, mode="ro", read_only=True)),
        ("/a/:/b/../c:rw,z", replace(BIND, target="/c", mode="rw,z")),
        ("/a:/b:ro,rslave", replace(BIND, mode="ro,rslave", read_only=True, propagation="rslave")),
        ("/a:/b:Z,cached", replace(BIND, mode="Z,cached")),
        ("vol:/b", VOLUME),
        ("vol:/b/:ro", replace(VOLUME, mode="ro", read_only=True)),
        ("vol:/b:nocopy", replace(VOLUME, mode="nocopy", copy=False)),
        ("/b", MountPoint("volume", "/b", mode="z", copy=True)),
    ],
)
def test_a_bind_is_source_target_mode(text: str, point: MountPoint) -> None:
    assert parse_bind(text) == point


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "invalid volume specification: ''"),
        ("a", "mount path must be absolute"),
        ("/a:b", "invalid mount path: 'b' mount path must be absolute"),
        ("/a:/", "destination can't be '/'"),
        ("vol:/", "destination can't be '/'"),
        ("/a:", "invalid volume specification: '/a:'"),
        (":/b", "invalid volume specification: ':/b'"),
        ("/data:ro", "invalid volume specification: '/data:ro'"),
        ("/a:/b:fast", "invalid mode: fast"),
        ("/a:/b:ro,rw", "invalid mode: ro,rw"),
        ("/a:/b:ro,", "invalid mode: ro,"),
        ("/a:/b:nocopy", "invalid mode: nocopy"),
        ("/a:/b:ro:x", "invalid volume specification"),
        ("/a:/b:shared,slave", "invalid mode: shared,slave"),
        ("vol:/b:rshared", "field BindOptions must not be specified"),
        ("/a\0:/b", "invalid volume specification"),
    ],
)
def test_a_bind_of_another_form_is_refused_in_dockers_words(text: str, words: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parse_bind(text)
    assert words in str(caught.value)


@given(st.text(alphabet="/ab:,ro.z\0", max_size=20))
def test_any_text_is_a_bind_a_volume_or_refused(text: str) -> None:
    try:
        point = parse_bind(text)
    except InvalidParameter:
        return
    assert point.target.startswith("/") and point.target.strip("/")
    assert point.source.startswith("/") == (point.type == "bind")
    assert not point.name.startswith("/")


def test_the_options_of_a_bind_mount() -> None:
    mount = Mount("bind", "/a", "/b", read_only=True, bind_options=BindOptions("rshared", non_recursive=True))
    assert point_of(mount) == MountPoint(
        "bind", "/b", "/a", read_only=True, propagation="rshared", flat=True, flat_read_only=True
    )
    made = Mount("bind", "/a", "/b", bind_options=BindOptions(create_mountpoint=True))
    assert point_of(made).make_source and not point_of(Mount("bind", "/a", "/b")).make_source


def test_the_options_of_a_volume_mount() -> None:
    options = VolumeOptions(no_copy=True, labels={"a": "b"}, driver_config=VolumeDriver("local"), subpath="x/y")
    (one,) = wanted(HostConfig(mounts=(Mount("volume", "vol", "/v", volume_options=options),)))
    assert one.point == MountPoint("volume", "/v", name="vol", mode="z", named=True, subpath="x/y")
    assert (one.volume.labels, one.driver) == ({"a": "b"}, "local")
    (anonymous,) = wanted(HostConfig(mounts=(Mount("volume", "", "/v"),)))
    assert not anonymous.point.named and anonymous.point.copy


def test_two_on_one_target_are_refused() -> None:
    for host_config in (
        HostConfig(binds=("/a:/x",), tmpfs={"/x/": ""}),
        HostConfig(binds=("vol:/x", "/x")),
        HostConfig(binds=("/a:/x",), mounts=(Mount("volume", "vol", "/x/"),)),
    ):
        with pytest.raises(InvalidParameter, match="Duplicate mount point: /x"):
            wanted(host_config)


def test_declared_volumes_leave_what_is_there_alone() -> None:
    points = list(declared(["/data/", "/taken", "rel/ative", "/data"], ["/taken"]))
    assert [point.target for point in points] == ["/data", "/rel/ative"]
    assert all(point.type == "volume" and point.copy and not point.named for point in points)
    with pytest.raises(InvalidParameter):
        list(declared(["/"], []))


def test_what_another_container_has_is_taken_over() -> None:
    bind, volume = replace(BIND, mode="rw"), replace(VOLUME, read_only=True)
    assert list(inherited([bind, volume], "")) == [
        replace(bind, mode=""),
        replace(volume, mode="", copy=False),
    ]
    assert all(point.read_only for point in inherited([bind, volume], "ro,z"))


@pytest.mark.parametrize(
    ("text", "parsed"), [("box", ("box", "")), ("box:ro", ("box", "ro")), ("box:rw,z", ("box", "rw,z"))]
)
def test_volumes_from_names_a_container_and_a_mode(text: str, parsed: tuple[str, str]) -> None:
    assert parse_volumes_from(text) == parsed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "volumes-from specification cannot be an empty string"),
        ("box:foo", "invalid mode: foo"),
        ("box:ro:x", "invalid mode: ro:x"),
        ("box:nocopy", "invalid mode: nocopy"),
    ],
)
def test_volumes_from_of_another_form_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parse_volumes_from(text)
    assert words in str(caught.value)


def test_tmpfs_options_over_the_safe_defaults() -> None:
    assert tmpfs_point("/run", "").options == ("noexec", "nosuid", "nodev")
    assert tmpfs_point("/run", "rw,exec,size=64m,mode=1777,size=1m").options == (
        "nosuid", "nodev", "rw", "exec", "mode=1777", "size=1m",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("target", "options"), [("/r", "fly"), ("/r", "size="), ("r", ""), ("/", ""), ("/r", "uid=a b")]
)
def test_tmpfs_of_another_form_is_refused(target: str, options: str) -> None:
    with pytest.raises(InvalidParameter):
        tmpfs_point(target, options)


def test_the_options_of_a_tmpfs_mount() -> None:
    given_options = TmpfsOptions(size_bytes=4096, mode=0o1770, options=(("exec",), ("uid", "7")))
    mount = Mount("tmpfs", target="/t", read_only=True, tmpfs_options=given_options)
    assert point_of(mount).options == ("nosuid", "nodev", "ro", "exec", "uid=7", "size=4096", "mode=1770")
