from dataclasses import replace

from restd.model.container import HostConfig
from restd.oci.namespaces import joined, namespaces, section, sysctls

BASE = HostConfig(network_mode="none")


def kinds(host_config: HostConfig, version: int = 1) -> set[str]:
    return {entry["type"] for entry in namespaces(host_config, version, {})}


def test_five_of_its_own_and_a_cgroup_namespace_on_v2() -> None:
    assert kinds(BASE) == {"mount", "network", "pid", "ipc", "uts"}
    assert kinds(BASE, 2) == kinds(BASE) | {"cgroup"}


def test_a_privileged_container_sees_the_hosts_cgroups() -> None:
    privileged = replace(BASE, privileged=True)
    assert "cgroup" not in kinds(privileged, 2)
    assert "cgroup" in kinds(replace(privileged, cgroupns_mode="private"), 1)
    assert "cgroup" not in kinds(replace(BASE, cgroupns_mode="host"), 2)


def test_host_modes_have_no_namespace() -> None:
    shared = replace(BASE, network_mode="host", pid_mode="host", ipc_mode="host", uts_mode="host")
    assert kinds(shared) == {"mount"}


def test_a_namespace_is_joined_by_its_file() -> None:
    mode = replace(BASE, pid_mode="container:abc")
    assert joined(mode.pid_mode) == "abc"
    assert {"type": "pid", "path": "/proc/7/ns/pid"} in namespaces(mode, 1, {"pid": "/proc/7/ns/pid"})


def test_low_ports_and_pings_are_free_in_a_network_of_ones_own() -> None:
    assert sysctls(BASE, "")["net.ipv4.ip_unprivileged_port_start"] == "0"
    assert sysctls(replace(BASE, network_mode="host"), "") == {}
    assert sysctls(replace(BASE, network_mode="container:x"), "") == {}
    assert sysctls(replace(BASE, sysctls={"net.ipv4.ip_unprivileged_port_start": "80"}), "") == {
        "net.ipv4.ip_unprivileged_port_start": "80",
        "net.ipv4.ping_group_range": "0 2147483647",
    }


def test_the_domain_name_is_a_sysctl() -> None:
    assert section(BASE, "example.org", 1, {})["sysctl"]["kernel.domainname"] == "example.org"
    assert "sysctl" not in section(replace(BASE, network_mode="host", uts_mode="host"), "example.org", 1, {})
