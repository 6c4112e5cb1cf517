from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import InvalidParameter
from restd.model.container import BindOptions, HostConfig, Mount, TmpfsOptions
from restd.oci.mounts import Bind, Mounts, bind_of, build, parse_bind, parse_tmpfs, tmpfs_of

BASE = HostConfig(network_mode="none", shm_size=64 << 20)
NEW = (6, 1)


def built(host_config: HostConfig, **more: Any) -> Mounts:
    return build(host_config, **{"files": {}, "shm": "", "init": "", "kernel": NEW, **more})


def by_target(host_config: HostConfig, **more: Any) -> dict[str, dict[str, Any]]:
    return {mount["destination"]: mount for mount in built(host_config, **more).mounts}


def test_dockers_seven_and_their_options() -> None:
    mounts = by_target(BASE)
    assert list(mounts) == ["/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/shm"]
    assert "ro" in mounts["/sys"]["options"]
    assert "size=65536k" in mounts["/dev"]["options"]
    assert f"size={64 << 20}" in mounts["/dev/shm"]["options"]


@pytest.mark.parametrize(
    ("text", "bind"),
    [
        ("/a:/b", Bind("/a", "/b")),
        ("/a:/b:ro", Bind("/a", "/b", read_only=True)),
        ("/a/:/b/../c:rw,z", Bind("/a", "/c")),
        ("/a:/b:ro,rslave", Bind("/a", "/b", read_only=True, propagation="rslave")),
        ("/a:/b:Z,cached", Bind("/a", "/b")),
    ],
)
def test_a_bind_is_source_target_options(text: str, bind: Bind) -> None:
    assert parse_bind(text) == bind


@pytest.mark.parametrize(
    "text", ["", "/a", "a:/b", "/a:b", "/a:/", "/a:/b:fast", "/a:/b:ro,rw", "/a:/b:ro:x", ":/b", "/a:/b:shared,slave"]
)
def test_a_bind_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        parse_bind(text)


@given(st.text(alphabet="/ab:,ro.z\0", max_size=20))
def test_any_text_is_a_bind_with_absolute_paths_or_refused(text: str) -> None:
    try:
        bind = parse_bind(text)
    except InvalidParameter:
        return
    assert bind.source.startswith("/")
    assert bind.target.startswith("/")
    assert bind.target not in ("/", "//")


def test_binds_are_private_and_recursively_read_only_where_the_kernel_can(tmp_path: Path) -> None:
    bound = replace(BASE, binds=(f"{tmp_path}:/data:ro", f"{tmp_path}:/rw"))
    assert by_target(bound)["/data"]["options"] == ["rbind", "rprivate", "rro"]
    assert by_target(bound)["/rw"]["options"] == ["rbind", "rprivate"]
    assert by_target(bound, kernel=(5, 10))["/data"]["options"] == ["rbind", "rprivate", "ro"]


def test_a_file_is_simply_read_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert by_target(replace(BASE, binds=(f"{tmp_path}/file:/f:ro",)))["/f"]["options"][-1] == "ro"


def test_the_options_of_a_bind_mount() -> None:
    mount = Mount("bind", "/a", "/b", read_only=True, bind_options=BindOptions("rshared", non_recursive=True))
    assert bind_of(mount) == Bind("/a", "/b", True, "rshared", recursive=False, read_only_recursive=False)


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


def test_two_on_one_target_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="Duplicate mount point: /x"):
        built(replace(BASE, binds=("/a:/x",), tmpfs={"/x/": ""}))


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


def test_tmpfs_options_over_the_safe_defaults() -> None:
    assert parse_tmpfs("/run", "").options == ("noexec", "nosuid", "nodev")
    assert parse_tmpfs("/run", "rw,exec,size=64m,mode=1777,size=1m").options == (
        "nosuid", "nodev", "rw", "exec", "mode=1777", "size=1m",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("target", "options"), [("/r", "fly"), ("/r", "size="), ("r", ""), ("/", ""), ("/r", "uid=a b")]
)
def test_tmpfs_of_another_form_is_refused(target: str, options: str) -> None:
    with pytest.raises(InvalidParameter):
        parse_tmpfs(target, options)


def test_the_options_of_a_tmpfs_mount() -> None:
    given_options = TmpfsOptions(size_bytes=4096, mode=0o1770, options=(("exec",), ("uid", "7")))
    mount = Mount("tmpfs", target="/t", read_only=True, tmpfs_options=given_options)
    assert tmpfs_of(mount).options == ("nosuid", "nodev", "ro", "exec", "uid=7", "size=4096", "mode=1770")


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
