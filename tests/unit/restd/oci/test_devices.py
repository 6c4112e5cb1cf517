import os
import stat
from pathlib import Path

import pytest

from restd.errors import InvalidParameter
from restd.model.container import Device, HostConfig
from restd.oci.devices import devices


def test_everything_is_denied_but_the_usual_ones() -> None:
    nodes, rules = devices(HostConfig())
    assert nodes == []
    assert rules[0] == {"allow": False, "access": "rwm"}
    assert {"allow": True, "type": "c", "access": "rwm", "major": 1, "minor": 3} in rules
    assert all(rule["allow"] for rule in rules[1:])


def test_a_device_appears_under_its_new_name_with_its_rights() -> None:
    nodes, rules = devices(HostConfig(devices=(Device("/dev/zero", "/dev/nothing", "r"),)))
    assert [(node["path"], node["type"], node["major"], node["minor"]) for node in nodes] == [
        ("/dev/nothing", "c", 1, 5)
    ]
    assert rules[-1] == {"allow": True, "type": "c", "major": 1, "minor": 5, "access": "r"}


def test_a_link_means_the_device_behind_it(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/null")
    nodes, _ = devices(HostConfig(devices=(Device(str(tmp_path / "link"), "/dev/n", ""),)))
    assert nodes[0]["minor"] == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="making device nodes needs root")
def test_a_folder_means_all_devices_in_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "file").write_text("")
    os.mknod(tmp_path / "one", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    os.mknod(tmp_path / "sub" / "two", 0o640 | stat.S_IFBLK, os.makedev(7, 0))
    nodes, _ = devices(HostConfig(devices=(Device(str(tmp_path), "/dev/all", "rwm"),)))
    assert [(node["path"], node["type"], node["fileMode"]) for node in nodes] == [
        ("/dev/all/one", "c", 0o600),
        ("/dev/all/sub/two", "b", 0o640),
    ]


def test_privileged_means_all_of_the_hosts_devices() -> None:
    nodes, rules = devices(HostConfig(privileged=True))
    paths = [node["path"] for node in nodes]
    assert "/dev/null" in paths
    assert not any(path.startswith(("/dev/pts/", "/dev/shm/")) for path in paths)
    assert rules == [{"allow": True, "access": "rwm"}]


@pytest.mark.parametrize(
    ("device", "message"),
    [
        (Device("/dev/no-such", "/dev/x", "rwm"), 'custom device "/dev/no-such": no such file or directory'),
        (Device("/etc/passwd", "/dev/x", "rwm"), "not a device node"),
        (Device("/dev/null", "/dev/x", "rx"), "invalid device mode: rx"),
        (Device("dev/null", "/dev/x", "r"), "both must be absolute"),
    ],
)
def test_what_is_no_device_is_refused(device: Device, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        devices(HostConfig(devices=(device,)))
