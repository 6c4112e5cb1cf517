import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import InvalidParameter, NotFound
from restd.lib import mounts
from restd.volume.options import Device, check_driver, check_name, check_options, check_subpath, device_of


@pytest.mark.parametrize("name", ["ab", "a.b", "0_-", "x" * 255])
def test_names_that_can_be_had(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a", "create a: volume name is too short, names should be at least two alphanumeric characters"),
        ("", "includes invalid characters"),
        (".a", "includes invalid characters for a local volume name"),
        ("a/b", 'only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute'),
        ("..", "includes invalid characters"),
        ("äb", "includes invalid characters"),
        ("ab\n", "includes invalid characters"),
        ("x" * 256, "at most 255"),
    ],
)
def test_names_that_can_not(name: str, words: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_name(name)
    assert words in str(caught.value)


@given(st.text(max_size=8))
def test_a_name_never_leads_out_of_its_folder(name: str) -> None:
    try:
        check_name(name)
    except InvalidParameter:
        return
    assert "/" not in name and name not in (".", "..") and not name.startswith(".")


def test_there_is_one_driver() -> None:
    check_driver("x", "")
    check_driver("x", "local")
    with pytest.raises(NotFound, match='create x: error looking up volume plugin nfs: plugin "nfs" not found'):
        check_driver("x", "nfs")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"foo": "x"}, 'create v: invalid option: "foo"'),
        ({"type": "tmpfs"}, 'missing required option: "device"'),
        ({"device": "x"}, 'missing required option: "type"'),
        ({"o": "ro"}, 'missing required option: "device"'),
        ({"o": "ro", "device": "x"}, 'missing required option: "type"'),
        ({"size": "10m"}, "quota size requested but no quota support"),
        ({"size": "lots"}, "invalid size: 'lots'"),
        ({"type": "x\0", "device": "y"}, "null byte"),
    ],
)
def test_options_that_can_not_be_had(options: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_options("v", options)
    assert words in str(caught.value)


@pytest.mark.parametrize("options", [{}, {"size": "0"}, {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}])
def test_options_that_can(options: dict[str, str]) -> None:
    check_options("v", options)


def test_a_plain_volume_mounts_nothing() -> None:
    assert device_of(None) is None and device_of({}) is None and device_of({"size": "0"}) is None


def test_words_become_flags_or_stay_for_the_file_system() -> None:
    device = device_of({"type": "nfs", "device": ":/export", "o": "addr=10.0.0.1,ro,noatime,soft,rshared"})
    assert device == Device(
        ":/export",
        "nfs",
        mounts.MS_RDONLY | mounts.MS_NOATIME,
        mounts.MS_SHARED | mounts.MS_REC,
        "addr=10.0.0.1,soft",
    )
    assert device.remote


def test_later_words_take_back_earlier_ones() -> None:
    device = device_of({"type": "none", "device": "/a", "o": "bind,ro,rw,defaults"})
    assert device is not None and device.flags == mounts.MS_BIND and not device.remote


@given(st.lists(st.sampled_from(["ro", "rw", "noexec", "exec", "size=1m", "bind", "slave", "", "x"]), max_size=8))
def test_any_words_give_a_device(words: list[str]) -> None:
    device = device_of({"type": "tmpfs", "device": "tmpfs", "o": ",".join(words)})
    assert device is not None
    assert set(filter(None, device.data.split(","))) == set(words) & {"size=1m", "x"}


def test_a_password_is_not_shown() -> None:
    device = Device("//server/share", "cifs", 0, 0, "username=me,password=s3cret,vers=3")
    assert device.shown("mount failed, data: username=me,password=s3cret,vers=3") == (
        "mount failed, data: username=me,password=********,vers=3"
    )


@pytest.mark.parametrize(("path", "fine"), [("", True), ("a/b", True), ("/a", False), ("a/../..", False)])
def test_a_part_stays_inside(path: str, fine: bool) -> None:
    assert (check_subpath(path) == "") == fine
