"""`/version` and `/info`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from restd import __version__
from restd.api.versions import NEWEST, OLDEST, text_of
from restd.config import Config
from restd.lib.host import Host
from restd.lib.times import to_rfc3339

PRODUCT = "isula-rest"
_INDEX = "https://index.docker.io/v1/"
_GO_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
_UNKNOWN: dict[str, str] = {"ID": ""}


@dataclass(frozen=True, slots=True)
class Figures:
    """What `/info` counts at the moment of the request. `time` in nanoseconds."""

    running: int
    paused: int
    stopped: int
    images: int
    listeners: int
    tasks: int
    descriptors: int
    time: int


def architecture(machine: str) -> str:
    """An architecture as Go and Docker's `/version` name it: `amd64` for `x86_64`."""
    return _GO_ARCHITECTURES.get(machine, machine)


def version_view(host: Host) -> dict[str, Any]:
    """`/version`. There is no Go in it and no build commit: those fields are there, and empty, for clients' sake."""
    details = {
        "ApiVersion": text_of(NEWEST),
        "Arch": architecture(host.architecture),
        "BuildTime": "",
        "Experimental": "false",
        "GitCommit": "",
        "GoVersion": "",
        "KernelVersion": host.kernel,
        "MinAPIVersion": text_of(OLDEST),
        "Os": "linux",
    }
    flat = {key: value for key, value in details.items() if key != "Experimental"}
    return {
        "Platform": {"Name": PRODUCT},
        "Components": [{"Name": "Engine", "Version": __version__, "Details": details}],
        "Version": __version__,
        **flat,
    }


def engine_id(config: Config, host: Host) -> str:
    """A name for this engine that stays the same over restarts: from the machine and the data folder."""
    return hashlib.sha256(f"{host.hostname}\0{config.graph}".encode()).hexdigest()[:36]


def info_view(
    config: Config, host: Host, figures: Figures, problems: list[str], network_drivers: Sequence[str] = ()
) -> dict[str, Any]:
    """`/info`. `problems`: what could not be read or cleaned up, shown among the warnings."""
    groups = host.cgroups
    return {
        "ID": engine_id(config, host),
        "Containers": figures.running + figures.paused + figures.stopped,
        "ContainersRunning": figures.running,
        "ContainersPaused": figures.paused,
        "ContainersStopped": figures.stopped,
        "Images": figures.images,
        "Driver": "overlay2",
        "DriverStatus": [["Backing Filesystem", "overlayfs over the data folder"], ["Supports d_type", "true"]],
        "Plugins": {
            "Volume": [],
            "Network": list(network_drivers),
            "Authorization": None,
            "Log": ["json-file", "none"],
        },
        "MemoryLimit": groups.memory_limit,
        "SwapLimit": groups.swap_limit,
        "CpuCfsPeriod": groups.cpu_quota,
        "CpuCfsQuota": groups.cpu_quota,
        "CPUShares": groups.cpu_shares,
        "CPUSet": groups.cpuset,
        "PidsLimit": groups.pids_limit,
        "IPv4Forwarding": host.ipv4_forwarding,
        "OomKillDisable": groups.oom_kill_disable,
        "Debug": config.log_level == "debug",
        "NFd": figures.descriptors,
        "NGoroutines": figures.tasks,
        "SystemTime": to_rfc3339(figures.time),
        "LoggingDriver": config.log_driver,
        "CgroupDriver": "cgroupfs",
        "CgroupVersion": str(groups.version),
        "NEventsListener": figures.listeners,
        "KernelVersion": host.kernel,
        "OperatingSystem": host.os_name,
        "OSVersion": host.os_version,
        "OSType": "linux",
        "Architecture": host.architecture,
        "IndexServerAddress": _INDEX,
        "RegistryConfig": {"IndexConfigs": {}, "InsecureRegistryCIDRs": [], "Mirrors": []},
        "NCPU": host.cpus,
        "MemTotal": host.memory,
        "GenericResources": None,
        "DockerRootDir": config.graph,
        "HttpProxy": "",
        "HttpsProxy": "",
        "NoProxy": "",
        "Name": host.hostname,
        "Labels": list(config.labels),
        "ExperimentalBuild": False,
        "ServerVersion": __version__,
        "Runtimes": runtimes_view(config),
        "DefaultRuntime": config.default_runtime,
        "Swarm": {
            "NodeID": "",
            "NodeAddr": "",
            "LocalNodeState": "inactive",
            "ControlAvailable": False,
            "Error": "",
            "RemoteManagers": None,
        },
        "LiveRestoreEnabled": True,
        "Isolation": "",
        "InitBinary": config.init_path,
        "ContainerdCommit": _UNKNOWN,
        "RuncCommit": _UNKNOWN,
        "InitCommit": _UNKNOWN,
        "SecurityOptions": host.security_options,
        "CDISpecDirs": [],
        "Warnings": [*_missing(host), *problems] or None,
    }


def runtimes_view(config: Config) -> dict[str, Any]:
    """`Runtimes`: those of daemon.json, and runc and crun by their names."""
    runtimes: dict[str, Any] = {name: {"path": name} for name in ("crun", "runc")}
    for name, runtime in config.runtimes.items():
        runtimes[name] = {"path": runtime.path}
        if runtime.arguments:
            runtimes[name]["runtimeArgs"] = list(runtime.arguments)
    return runtimes


_WARNINGS: Mapping[str, str] = {
    "memory_limit": "No memory limit support",
    "swap_limit": "No swap limit support",
    "cpu_quota": "No cpu cfs quota support",
    "cpu_shares": "No cpu shares support",
    "cpuset": "No cpuset support",
    "pids_limit": "No pids limit support",
}


def _missing(host: Host) -> list[str]:
    lines = [f"WARNING: {text}" for name, text in _WARNINGS.items() if not getattr(host.cgroups, name)]
    if not host.ipv4_forwarding:
        lines.append("WARNING: IPv4 forwarding is disabled")
    return lines
