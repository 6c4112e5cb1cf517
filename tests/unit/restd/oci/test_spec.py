import json
from dataclasses import replace
from typing import Any

import pytest

from restd.errors import InvalidParameter
from restd.lib.host import Cgroups, Host
from restd.model.container import Config, Container, HostConfig
from restd.oci.spec import MASKED_PATHS, READONLY_PATHS, SpecInputs, build_spec

HOST = Host(kernel="6.1.0", cgroups=Cgroups(version=1, memory_limit=True))
BASE = Container(
    id="c" * 64, name="c", created=1, image="", path="sh", args=(), config=Config(hostname="box"),
    host_config=HostConfig(network_mode="none", shm_size=64 << 20), runtime="runc", directory="", run_directory="",
)  # fmt: skip
INPUTS = SpecInputs(rootfs="/merged", host=HOST, cgroup_path="/isulad/c")


def spec(**host_config: Any) -> dict[str, Any]:
    return build_spec(replace(BASE, host_config=replace(BASE.host_config, **host_config)), INPUTS)


def test_a_plain_container_has_all_of_dockers_walls() -> None:
    made = spec()
    assert made["ociVersion"] == "1.0.2"
    assert made["root"] == {"path": "/merged", "readonly": False}
    assert made["hostname"] == "box"
    linux = made["linux"]
    assert linux["maskedPaths"] == list(MASKED_PATHS)
    assert linux["readonlyPaths"] == list(READONLY_PATHS)
    assert linux["cgroupsPath"] == "/isulad/c"
    assert linux["seccomp"]["defaultAction"] == "SCMP_ACT_ERRNO"
    assert len(made["process"]["capabilities"]["bounding"]) == 14
    json.dumps(made)


def test_a_privileged_one_has_none_of_them() -> None:
    linux = spec(privileged=True)["linux"]
    assert not {"seccomp", "maskedPaths", "readonlyPaths"} & linux.keys()
    assert linux["devices"]


def test_paths_that_are_given_replace_the_defaults() -> None:
    linux = spec(masked_paths=(), readonly_paths=("/proc/sys",))["linux"]
    assert linux["maskedPaths"] == []
    assert linux["readonlyPaths"] == ["/proc/sys"]


def test_seccomp_can_be_left_out_or_be_the_users_own() -> None:
    assert "seccomp" not in spec(security_opt=("seccomp=unconfined",))["linux"]
    own = '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[]}'
    assert spec(security_opt=(f"seccomp={own}",))["linux"]["seccomp"]["defaultAction"] == "SCMP_ACT_ALLOW"


def test_the_filter_is_only_for_what_the_kernel_runs() -> None:
    bare = replace(INPUTS, host=replace(HOST, runs_x86=False, runs_x32=False))
    assert build_spec(BASE, bare)["linux"]["seccomp"]["architectures"] == ["SCMP_ARCH_X86_64"]


def test_no_new_privileges_reaches_the_process() -> None:
    assert not spec()["process"]["noNewPrivileges"]
    assert spec(security_opt=("no-new-privileges",))["process"]["noNewPrivileges"]


def test_the_hosts_name_is_left_alone_in_its_own_namespace() -> None:
    assert "hostname" not in spec(uts_mode="host")


def test_a_user_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="unable to find user eve"):
        build_spec(replace(BASE, config=Config(user="eve")), INPUTS)


def test_two_specs_share_nothing_that_one_could_change() -> None:
    first, second = spec(), spec()
    first["mounts"][0]["options"].append("x")
    first["process"]["env"].append("x")
    assert "x" not in second["mounts"][0]["options"]
    assert "x" not in second["process"]["env"]
