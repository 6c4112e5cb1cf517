"""A container as an OCI runtime specification (runtime-spec 1.0.2), with Docker's defaults.

Pure but for facts of the host at this moment: devices that were asked for are looked up in /dev, read-only binds for
whether they are folders, and the host's mounts when a bind wants shared propagation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from restd.lib.host import Host
from restd.lib.mounts import list_mounts
from restd.model.container import Container
from restd.model.volume import MountPoint
from restd.oci import capabilities, devices, mounts, namespaces, process, resources, seccomp, security, users
from restd.oci.process import exec_process as exec_process

OCI_VERSION = "1.0.2"

MASKED_PATHS = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


@dataclass(frozen=True, slots=True)
class SpecInputs:
    """What the engine made for the container. Paths are the host's, absolute.

    `passwd` and `group` are the texts of the container's own files (empty if it has none). `files`: target -> host
    file (`/etc/hostname`, `/etc/hosts`, `/etc/resolv.conf`). `namespaces`: `pid`, `ipc`, `network` -> the file of the
    namespace to join, for the modes `container:ID`. `shm`: a folder for /dev/shm (of `ipc: shareable`, or of the
    container whose IPC is joined), empty for a fresh tmpfs. `init`: the init program to put in front, empty for none.
    `points`: what the user asked to be mounted, with the sources where they are now.
    """

    rootfs: str
    host: Host
    cgroup_path: str
    passwd: str = ""
    group: str = ""
    files: dict[str, str] = field(default_factory=dict)
    namespaces: dict[str, str] = field(default_factory=dict)
    shm: str = ""
    init: str = ""
    points: tuple[MountPoint, ...] = ()


def build_spec(container: Container, inputs: SpecInputs) -> dict[str, Any]:
    """The content of `config.json`.

    Raises InvalidParameter, in Docker's words, for what turns out to be wrong only here: an unknown user or group, a
    device that is not there, a capability that the engine hasn't got, a propagation that the host's mounts don't have.
    """
    config, host_config, host = container.config, container.host_config, inputs.host
    options = security.parse(host_config.security_opt, host)
    granted = capabilities.allowed(
        host_config.cap_add, host_config.cap_drop, privileged=host_config.privileged, available=host.capabilities
    )
    identity = users.resolve(config.user, host_config.group_add or (), inputs.passwd, inputs.group)
    mounted = mounts.build(
        host_config,
        inputs.points,
        files=inputs.files,
        shm=inputs.shm,
        init=inputs.init,
        kernel=host.kernel_version,
        source_propagation=_host_mounts(inputs.points),
    )
    first = process.process(container, identity, granted, host, init=bool(inputs.init))
    first["noNewPrivileges"] = options.no_new_privileges
    if options.apparmor and not host_config.privileged:
        first["apparmorProfile"] = options.apparmor
    spec: dict[str, Any] = {
        "ociVersion": OCI_VERSION,
        "process": first,
        "root": {"path": inputs.rootfs, "readonly": host_config.readonly_rootfs},
        "mounts": mounted.mounts,
        "linux": _linux(container, inputs, options, granted),
    }
    if mounted.root_propagation:
        spec["linux"]["rootfsPropagation"] = mounted.root_propagation
    if host_config.uts_mode != namespaces.HOST:
        spec["hostname"] = config.hostname
    return spec


def _linux(
    container: Container, inputs: SpecInputs, options: security.SecurityOptions, granted: tuple[str, ...]
) -> dict[str, Any]:
    host_config, host = container.host_config, inputs.host
    nodes, rules = devices.devices(host_config)
    result = namespaces.section(host_config, container.config.domainname, host.cgroups.version, inputs.namespaces)
    result["cgroupsPath"] = inputs.cgroup_path
    result["resources"] = resources.resources(host_config, host.cgroups, rules)
    if nodes:
        result["devices"] = nodes
    if not host_config.privileged:
        masked, readonly = host_config.masked_paths, host_config.readonly_paths
        result["maskedPaths"] = list(MASKED_PATHS if masked is None else masked)
        result["readonlyPaths"] = list(READONLY_PATHS if readonly is None else readonly)
        if options.seccomp and host.seccomp:
            result["seccomp"] = _seccomp(options, granted, host)
    return result


def _seccomp(options: security.SecurityOptions, granted: tuple[str, ...], host: Host) -> dict[str, Any]:
    absent = frozenset(
        name for name, runs in (("SCMP_ARCH_X86", host.runs_x86), ("SCMP_ARCH_X32", host.runs_x32)) if not runs
    )
    if options.profile is None:
        return seccomp.default(granted, host.architecture, host.kernel_version, absent)
    return seccomp.resolve(options.profile, granted, host.architecture, host.kernel_version, absent)


def _host_mounts(points: Iterable[MountPoint]) -> list[tuple[str, bool, bool]]:
    """Mount points of the host with their propagation; only read when a bind may need them."""
    if not any(mounts.needs_propagation(point) for point in points):
        return []
    return [
        (
            mount.target,
            any(tag.startswith("shared:") for tag in mount.propagation),
            any(tag.startswith("master:") for tag in mount.propagation),
        )
        for mount in list_mounts()
    ]
