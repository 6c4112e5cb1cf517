"""Fields of the create body that this engine does not carry out yet, and the values of them that ask for nothing.

Clients send many zero values, empty lists and `default`: those pass. Anything else is refused with an error that names
the field, never ignored. A row leaves the table when the engine learns what it asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from restd.errors import NotImplementedYet
from restd.model.container import CreateRequest, HostConfig

Harmless = Callable[[Any], bool]


def _empty(value: Any) -> bool:
    return not value


def _among(*values: Any) -> Harmless:
    return lambda value: not value or value in values


_HOST_CONFIG: tuple[tuple[str, str, Harmless], ...] = (
    ("annotations", "Annotations", _empty),
    ("cgroup", "Cgroup", _empty),
    ("storage_opt", "StorageOpt", _empty),
    ("userns_mode", "UsernsMode", _among("host")),
    ("isolation", "Isolation", _among("default")),
    ("cgroup_parent", "CgroupParent", _empty),
    ("blkio_weight", "BlkioWeight", _empty),
    ("blkio_weight_device", "BlkioWeightDevice", _empty),
    ("blkio_device_read_bps", "BlkioDeviceReadBps", _empty),
    ("blkio_device_write_bps", "BlkioDeviceWriteBps", _empty),
    ("blkio_device_read_iops", "BlkioDeviceReadIOps", _empty),
    ("blkio_device_write_iops", "BlkioDeviceWriteIOps", _empty),
    ("cpu_realtime_period", "CpuRealtimePeriod", _empty),
    ("cpu_realtime_runtime", "CpuRealtimeRuntime", _empty),
    ("cpuset_mems", "CpusetMems", _empty),
    ("device_cgroup_rules", "DeviceCgroupRules", _empty),
    ("device_requests", "DeviceRequests", _empty),
    ("kernel_memory", "KernelMemory", _empty),
    ("kernel_memory_tcp", "KernelMemoryTCP", _empty),
    ("memory_reservation", "MemoryReservation", _empty),
    ("memory_swappiness", "MemorySwappiness", lambda value: value is None or value == -1),
    ("oom_kill_disable", "OomKillDisable", _empty),
    ("cpu_count", "CpuCount", _empty),
    ("cpu_percent", "CpuPercent", _empty),
    ("io_maximum_iops", "IOMaximumIOps", _empty),
    ("io_maximum_bandwidth", "IOMaximumBandwidth", _empty),
)


def check_honoured(request: CreateRequest, cgroup_version: int) -> None:
    """NotImplementedYet, naming the field, for the first one that asks for what isn't there yet."""
    for field, value in _asked(request, cgroup_version):
        shown = "" if value is None else f" ({value})"
        raise NotImplementedYet(f"{field}{shown} is not supported yet")


def _asked(request: CreateRequest, cgroup_version: int) -> Iterator[tuple[str, str | None]]:
    """Every field that asks for too much, with the part of its value that tells which."""
    host_config = request.host_config
    for attribute, name, harmless in _HOST_CONFIG:
        if not harmless(getattr(host_config, attribute)):
            yield f"HostConfig.{name}", None
    if host_config.log_config.type not in ("", "json-file", "none"):
        yield "HostConfig.LogConfig.Type", host_config.log_config.type
    default_cgroups = "private" if cgroup_version == 2 else "host"
    if host_config.cgroupns_mode not in ("", default_cgroups):
        yield "HostConfig.CgroupnsMode", host_config.cgroupns_mode
    yield from _storage(host_config)


def _storage(host_config: HostConfig) -> Iterator[tuple[str, str | None]]:
    for mount in host_config.mounts or ():
        if mount.type in ("image", "npipe", "cluster"):
            yield f"HostConfig.Mounts of type {mount.type}", mount.target
