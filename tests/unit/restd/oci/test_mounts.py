from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from restd.errors import InvalidParameter
from restd.model.container import HostConfig
from restd.model.volume import MountPoint
from restd.oci.mount_points import wanted
from restd.oci.mounts import Mounts, build

BASE = HostConfig(network_mode="none", shm_size=64 << 20)
NEW = (6, 1)


def built(host_config: HostConfig, **more: Any) -> Mounts:
    points = more.pop("points", None) or [one.point for one in wanted(host_config)]
    return build(host_config, points, **{"files": {}, "shm": "", "init": "", "kernel": NEW, **more})


def by_target(host_config: HostConfig, **more: Any) -> dict[str, dict[str, Any]]:
    return {mount["destination"]: mount for mount in built(host_config, **more).mounts}


def test_dockers_seven_and_their_options() -> None:
    mounts = by_target(BASE)
    assert list(mounts) == ["/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/shm"]
    assert "ro" in mounts["/sys"]["options"]
    assert "size=65536k" in mounts["/dev"]["options"]
    assert f"size={64 << 20}" in mounts["/dev/shm"]["options"]


def test_binds_are_private_and_recursively_read_only_where_the_kernel_can(tmp_path: Path) -> None:
    bound = replace(BASE, binds=(f"{tmp_path}:/data:ro", f"{tmp_path}:/rw"))
    assert by_target(bound)["/data"]["options"] == ["rbind", "rprivate", "rro"]
    assert by_target(bound)["/rw"]["options"] == ["rbind", "rprivate"]
    assert by_target(bound, kernel=(5, 10))["/data"]["options"] == ["rbind", "rprivate", "ro"]


def test_a_file_is_simply_read_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert by_target(replace(BASE, binds=(f"{tmp_path}/file:/f:ro",)))["/f"]["options"][-1] == "ro"


def test_a_bind_without_what_is_mounted_below_it(tmp_path: Path) -> None:
    flat = MountPoint("bind", "/b", str(tmp_path), read_only=True, flat=True)
    shallow = MountPoint("bind", "/c", str(tmp_path), read_only=True, flat_read_only=True)
    mounts = by_target(BASE, points=[flat, shallow])
    assert mounts["/b"]["options"] == ["bind", "rprivate", "ro"]
    assert mounts["/c"]["options"] == ["rbind", "rprivate", "ro"]


def test_a_volume_is_a_bind_of_its_files(tmp_path: Path) -> None:
    volume = MountPoint("volume", "/v", str(tmp_path), name="v1", read_only=True)
    assert by_target(BASE, points=[volume])["/v"] == {
        "destination": "/v", "type": "bind", "source": str(tmp_path), "options": ["rbind", "rprivate", "ro"],
    }  # fmt: skip


def test_mounts_come_in_the_order_of_depth() -> None:
    targets = [mount["destination"] for mount in built(replace(BASE, binds=("/a:/x/y/z", "/b:/x", "/c:/x/y"))).mounts]
    assert targets[-3:] == ["/x", "/x/y", "/x/y/z"]


def test_a_mount_of_the_user_takes_the_place_of_a_default() -> None:
    mounts = by_target(replace(BASE, binds=("/dev:/dev",)))
    assert mounts["/dev"]["type"] == "bind"
    assert "/dev/pts" not in mounts
    assert by_target(replace(BASE, tmpfs={"/dev/shm": ""}))["/dev/shm"]["source"] == "tmpfs"


def test_the_engines_files_yield_to_the_users() -> None:
    files = {"/etc/hosts": "/engine/hosts", "/etc/hostname": "/engine/hostname"}
    mounts = by_target(replace(BASE, binds=("/mine:/etc/hosts",)), files=files)
    assert mounts["/etc/hosts"]["source"] == "/mine"
    assert mounts["/etc/hostname"]["source"] == "/engine/hostname"


def test_shared_memory_by_mode() -> None:
    assert by_target(replace(BASE, ipc_mode="host"))["/dev/shm"]["source"] == "/dev/shm"
    assert by_target(BASE, shm="/engine/shm")["/dev/shm"]["source"] == "/engine/shm"
    assert "/dev/shm" not in by_target(replace(BASE, ipc_mode="none"))


def test_privileged_may_write_to_sys_and_cgroups() -> None:
    mounts = by_target(replace(BASE, privileged=True))
    assert "ro" not in mounts["/sys"]["options"]
    assert "ro" not in mounts["/sys/fs/cgroup"]["options"]


def test_a_read_only_root_makes_the_engines_files_read_only_but_not_tmpfs() -> None:
    mounts = by_target(replace(BASE, readonly_rootfs=True, tmpfs={"/run": ""}), files={"/etc/hosts": "/engine/hosts"})
    assert "ro" in mounts["/etc/hosts"]["options"]
    assert "ro" not in mounts["/run"]["options"]
    assert "ro" not in mounts["/dev/shm"]["options"]


def test_the_init_program_lies_where_docker_puts_it() -> None:
    assert by_target(BASE, init="/usr/bin/tini")["/sbin/docker-init"]["source"] == "/usr/bin/tini"


def test_shared_propagation_needs_a_shared_mount_on_the_host() -> None:
    shared = replace(BASE, binds=("/data/x:/x:rshared",))
    host = [("/", False, False), ("/data", True, False)]
    assert built(shared, source_propagation=host).root_propagation == "shared"
    with pytest.raises(InvalidParameter, match="path /data/x is mounted on / but it is not a shared mount"):
        built(shared, source_propagation=host[:1])


def test_slave_propagation_needs_shared_or_slave() -> None:
    slave = replace(BASE, binds=("/data/x:/x:slave",))
    assert built(slave, source_propagation=[("/data", False, True)]).root_propagation == "rslave"
    with pytest.raises(InvalidParameter, match="not a shared or slave mount"):
        built(slave, source_propagation=[("/", False, False)])
