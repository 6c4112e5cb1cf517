"""Which namespaces a container gets of its own, shares with the host, or joins, and the names and sysctls in them."""

from __future__ import annotations

from typing import Any

from restd.model.container import HostConfig

HOST, NONE, PRIVATE, SHAREABLE = "host", "none", "private", "shareable"
_CONTAINER = "container:"


def joined(mode: str) -> str:
    """The container whose namespace `mode` (`container:ID`) joins; empty for any other mode."""
    return mode.removeprefix(_CONTAINER) if mode.startswith(_CONTAINER) else ""


def private_cgroup(host_config: HostConfig, cgroup_version: int) -> bool:
    """Whether the container has a cgroup namespace of its own: `CgroupnsMode`; by default on v2 unless privileged."""
    if host_config.cgroupns_mode:
        return host_config.cgroupns_mode == PRIVATE
    return cgroup_version == 2 and not host_config.privileged


def namespaces(host_config: HostConfig, cgroup_version: int, paths: dict[str, str]) -> list[dict[str, str]]:
    """The OCI list. `paths`: for a namespace to join (`pid`, `ipc`, `network`), the file that stands for it."""
    result = [{"type": "mount"}]
    for kind, mode in (
        ("network", host_config.network_mode),
        ("pid", host_config.pid_mode),
        ("ipc", host_config.ipc_mode),
        ("uts", host_config.uts_mode),
    ):
        if mode == HOST:
            continue
        entry = {"type": kind}
        if kind in paths:
            entry["path"] = paths[kind]
        result.append(entry)
    if private_cgroup(host_config, cgroup_version):
        result.append({"type": "cgroup"})
    return result


def sysctls(host_config: HostConfig, domainname: str) -> dict[str, str]:
    """Kernel parameters: what was asked, and Docker's own for a network and a name of the container's own.

    Unprivileged programs may open low ports and send pings where the network is theirs alone.
    """
    result: dict[str, str] = {}
    if host_config.network_mode != HOST and not joined(host_config.network_mode):
        result["net.ipv4.ip_unprivileged_port_start"] = "0"
        result["net.ipv4.ping_group_range"] = "0 2147483647"
    if domainname and host_config.uts_mode != HOST:
        result["kernel.domainname"] = domainname
    result.update(host_config.sysctls or {})
    return result


def section(host_config: HostConfig, domainname: str, cgroup_version: int, paths: dict[str, str]) -> dict[str, Any]:
    """The part of `linux` that this module makes."""
    result: dict[str, Any] = {"namespaces": namespaces(host_config, cgroup_version, paths)}
    if parameters := sysctls(host_config, domainname):
        result["sysctl"] = parameters
    return result
