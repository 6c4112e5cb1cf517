"""Limits: `HostConfig` to the OCI `linux.resources`, in the units of cgroup v1; a runtime converts them for v2."""

from __future__ import annotations

from typing import Any

from restd.lib.host import Cgroups
from restd.model.container import HostConfig

_NANO_PERIOD = 100_000
"""Microseconds; the period that `NanoCpus` is turned into (Docker's)."""


def resources(host_config: HostConfig, cgroups: Cgroups, devices: list[dict[str, Any]]) -> dict[str, Any]:
    """The OCI object; `devices` is the device cgroup's list. Only what was asked for appears."""
    sections = {"memory": _memory(host_config, cgroups), "cpu": _cpu(host_config), "pids": _pids(host_config)}
    return {"devices": devices, **{name: section for name, section in sections.items() if section}}


def _memory(host_config: HostConfig, cgroups: Cgroups) -> dict[str, Any]:
    section: dict[str, Any] = {}
    if host_config.memory > 0:
        section["limit"] = host_config.memory
        if cgroups.swap_limit:
            section["swap"] = host_config.memory_swap or 2 * host_config.memory
    if host_config.memory_reservation > 0:
        section["reservation"] = host_config.memory_reservation
    if host_config.memory_swappiness is not None and host_config.memory_swappiness >= 0:
        section["swappiness"] = host_config.memory_swappiness
    if host_config.oom_kill_disable:
        section["disableOOMKiller"] = True
    return section


def _cpu(host_config: HostConfig) -> dict[str, Any]:
    quota, period = host_config.cpu_quota, host_config.cpu_period
    if host_config.nano_cpus > 0:
        quota, period = host_config.nano_cpus * _NANO_PERIOD // 1_000_000_000, _NANO_PERIOD
    section: dict[str, Any] = {
        "shares": max(host_config.cpu_shares, 0),
        "quota": quota,
        "period": period,
        "cpus": host_config.cpuset_cpus,
        "mems": host_config.cpuset_mems,
    }
    return {key: value for key, value in section.items() if value}


def _pids(host_config: HostConfig) -> dict[str, Any]:
    limit = host_config.pids_limit
    return {"limit": limit} if limit is not None and limit > 0 else {}
