from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client import mounts


def test_volumes_are_binds_or_anonymous() -> None:
    binds, anonymous = mounts.volumes(["/a:/b", "data:/d:ro", "./x:/y", "/anonymous"])
    assert binds == ["/a:/b", "data:/d:ro", f"{os.getcwd()}/x:/y"]
    assert anonymous == {"/anonymous": {}}


@pytest.mark.parametrize("text", ["", ":", "/a:", ":/b", "a:b:c:d", "relative"])
def test_a_bad_volume_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="invalid volume"):
        mounts.volumes([text])


def test_tmpfs_has_a_target_and_options() -> None:
    assert mounts.tmpfs(["/run", "/tmp:rw,size=64m"]) == {"/run": "", "/tmp": "rw,size=64m"}
    with pytest.raises(ValueError, match="an absolute path"):
        mounts.tmpfs(["run"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/dev/a", ("/dev/a", "/dev/a", "rwm")),
        ("/dev/a:/dev/b", ("/dev/a", "/dev/b", "rwm")),
        ("/dev/a:r", ("/dev/a", "/dev/a", "r")),
        ("/dev/a:/dev/b:rw", ("/dev/a", "/dev/b", "rw")),
    ],
)
def test_devices_have_a_target_and_permissions(text: str, found: tuple[str, str, str]) -> None:
    device = mounts.device(text)
    assert (device["PathOnHost"], device["PathInContainer"], device["CgroupPermissions"]) == found


@pytest.mark.parametrize("text", ["", ":/b", "/a:/b:x", "/a:/b:rr", "a:b:r:d"])
def test_a_bad_device_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="SOURCE"):
        mounts.device(text)


def test_mount_fields_become_the_engines_mount() -> None:
    assert mounts.mount("type=bind,src=/a,dst=/b,readonly,bind-propagation=rslave") == {
        "Type": "bind",
        "Source": "/a",
        "Target": "/b",
        "ReadOnly": True,
        "BindOptions": {"Propagation": "rslave"},
    }
    assert mounts.mount("type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=1777") == {
        "Type": "tmpfs",
        "Target": "/t",
        "TmpfsOptions": {"SizeBytes": 1 << 20, "Mode": 0o1777},
    }
    assert mounts.mount('src=v,target=/v,"volume-opt=o=a,b",volume-label=x=1,volume-nocopy,ro=false') == {
        "Type": "volume",
        "Source": "v",
        "Target": "/v",
        "ReadOnly": False,
        "VolumeOptions": {"NoCopy": True, "Labels": {"x": "1"}, "DriverConfig": {"Options": {"o": "a,b"}}},
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("type=bind,src=/a", "a target is wanted"),
        ("type=bind,dst=/a", "a bind mount wants a source"),
        ("type=tmpfs,src=/x,dst=/a", "a tmpfs has no source"),
        ("type=odd,dst=/a", 'unknown mount type "odd"'),
        ("dst=/a,colour=red", 'unexpected field "colour=red"'),
        ("dst=/a,colour", 'field "colour" must be KEY=VALUE'),
        ("dst=/a,readonly=perhaps", "invalid value for readonly"),
        ("type=bind,src=/a,dst=/b,tmpfs-size=1m", "options of another type than bind"),
        ("type=tmpfs,dst=/a,tmpfs-mode=9", 'invalid mode "9"'),
        ("type=bind,src=/a,dst=/b,bind-recursive=x", "invalid bind-recursive"),
        ('"dst=/a', "is not closed"),
        ('ds"t=/a', "must enclose"),
    ],
)
def test_a_bad_mount_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        mounts.mount(text)


@given(st.text(alphabet='abdst=,"/ro:') | st.text())
def test_any_text_is_a_mount_or_refused(text: str) -> None:
    for parse in (mounts.mount, mounts.device):
        try:
            assert parse(text)
        except ValueError:
            continue
