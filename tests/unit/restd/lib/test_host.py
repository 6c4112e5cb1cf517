import os
from pathlib import Path

import pytest

from restd.lib.host import CAPABILITY_NAMES, Host, read_cgroups, read_host


def tree(root: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


V2 = {
    "proc/self/cgroup": "0::/system.slice/isula-restd.service\n",
    "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory hugetlb pids rdma misc\n",
    "sys/fs/cgroup/system.slice/isula-restd.service/memory.swap.max": "max\n",
}
V1 = {
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    "sys/fs/cgroup/memory/memory.oom_control": "oom_kill_disable 0\n",
    "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
    "sys/fs/cgroup/cpu/cpu.shares": "1024\n",
    "sys/fs/cgroup/cpuset/cpuset.cpus": "0-1\n",
    "sys/fs/cgroup/pids/cgroup.procs": "",
}


def test_the_unified_layout_of_a_systemd_host(tmp_path: Path) -> None:
    cgroups = read_cgroups(tree(tmp_path, V2))
    assert (cgroups.version, cgroups.hybrid) == (2, False)
    assert "memory" in cgroups.controllers
    assert all((cgroups.memory_limit, cgroups.swap_limit, cgroups.cpu_quota, cgroups.cpuset, cgroups.pids_limit))
    assert not cgroups.oom_kill_disable, "v2 has no such switch"


def test_unified_without_the_memory_controller_has_no_memory_limits(tmp_path: Path) -> None:
    cgroups = read_cgroups(tree(tmp_path, {**V2, "sys/fs/cgroup/cgroup.controllers": "cpu pids\n"}))
    assert not cgroups.memory_limit
    assert not cgroups.swap_limit


def test_a_legacy_host_without_swap_accounting(tmp_path: Path) -> None:
    cgroups = read_cgroups(tree(tmp_path, V1))
    assert (cgroups.version, cgroups.hybrid) == (1, False)
    assert cgroups.memory_limit
    assert not cgroups.swap_limit
    assert cgroups.oom_kill_disable


def test_a_hybrid_host_counts_as_legacy(tmp_path: Path) -> None:
    files = {**V1, "sys/fs/cgroup/unified/cgroup.controllers": "hugetlb\n"}
    files["sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"] = "1\n"
    cgroups = read_cgroups(tree(tmp_path, files))
    assert (cgroups.version, cgroups.hybrid, cgroups.swap_limit) == (1, True, True)


def test_no_cgroups_at_all_means_no_limits(tmp_path: Path) -> None:
    cgroups = read_cgroups(str(tmp_path))
    assert not cgroups.controllers
    assert not cgroups.memory_limit


def test_the_facts_of_a_recorded_host(tmp_path: Path) -> None:
    files = {
        **V2,
        "etc/os-release": 'NAME="Debian"\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n# a remark\n',
        "proc/meminfo": "MemTotal:       16384 kB\nMemFree: 1 kB\n",
        "proc/self/status": "CapBnd:\t0000000000000003\nSeccomp:\t0\n",
        "proc/self/oom_score_adj": "-500\n",
        "proc/sys/net/ipv4/ip_forward": "1\n",
    }
    host = read_host(tree(tmp_path, files))
    assert (host.os_name, host.os_version) == ("Debian GNU/Linux 12 (bookworm)", "12")
    assert host.memory == 16384 * 1024
    assert host.capabilities == {"CAP_CHOWN", "CAP_DAC_OVERRIDE"}
    assert host.oom_score_adj == -500
    assert host.ipv4_forwarding
    assert host.security_options == ["name=seccomp,profile=builtin", "name=cgroupns"]


def test_this_host_is_read_without_error() -> None:
    host = read_host()
    assert host.hostname == os.uname().nodename
    assert host.cpus >= 1
    assert host.memory > 0


@pytest.mark.parametrize(("name", "version"), [("6.18.44-fc", (6, 18)), ("5.4", (5, 4)), ("odd", (0, 0))])
def test_the_kernel_has_a_version(name: str, version: tuple[int, int]) -> None:
    assert Host(kernel=name).kernel_version == version


def test_capabilities_are_in_the_order_of_their_numbers() -> None:
    assert CAPABILITY_NAMES[21] == "CAP_SYS_ADMIN"
    assert CAPABILITY_NAMES[40] == "CAP_CHECKPOINT_RESTORE"
