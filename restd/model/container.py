"""A container as every room sees it: what was asked for, and what has become of it.

Field names and defaults are those of the Docker Engine API 1.50 (`Config`, `HostConfig`, `EndpointSettings`);
`restd.model.docker_json` gives the JSON form. `None` for a list or map means that the client never gave it, which
Docker shows as null; an empty one was given empty. All objects are frozen: a change makes a new one by `replace`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from restd.model.docker_json import named, optional
from restd.model.health import Health, Healthcheck
from restd.model.sandbox import Sandbox
from restd.model.volume import MountPoint

Strings = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """The container's own part of the create body: what would be the same on every host."""

    hostname: str = ""
    domainname: str = ""
    user: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    exposed_ports: dict[str, Any] | None = optional()
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    env: Strings = ()
    cmd: Strings | None = None
    healthcheck: Healthcheck | None = optional()
    args_escaped: bool = optional(False)
    image: str = ""
    volumes: dict[str, Any] | None = None
    working_dir: str = ""
    entrypoint: Strings | None = None
    network_disabled: bool = optional(False)
    mac_address: str = optional("")
    on_build: Strings | None = None
    labels: dict[str, str] = field(default_factory=dict)
    stop_signal: str = optional("")
    stop_timeout: int | None = optional()
    shell: Strings | None = optional()


@dataclass(frozen=True, slots=True)
class LogConfig:
    """Log driver and its options, as strings."""

    type: str = ""
    config: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """`name`: no, always, unless-stopped, on-failure, on-reboot."""

    name: str = "no"
    maximum_retry_count: int = 0


@dataclass(frozen=True, slots=True)
class PortBinding:
    """Where a container's port appears on the host."""

    host_ip: str = named("HostIp", default="")
    host_port: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """A host device in the container; permissions of `r`, `w`, `m`."""

    path_on_host: str = ""
    path_in_container: str = ""
    cgroup_permissions: str = ""


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """A request to a device driver (GPUs, CDI)."""

    driver: str = ""
    count: int = 0
    device_ids: Strings | None = named("DeviceIDs", default=None)
    capabilities: tuple[Strings, ...] | None = None
    options: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Ulimit:
    """A resource limit; -1 for none."""

    name: str = ""
    hard: int = 0
    soft: int = 0


@dataclass(frozen=True, slots=True)
class WeightDevice:
    """Block I/O weight of a device."""

    path: str = ""
    weight: int = 0


@dataclass(frozen=True, slots=True)
class ThrottleDevice:
    """Block I/O rate of a device, bytes or operations a second."""

    path: str = ""
    rate: int = 0


@dataclass(frozen=True, slots=True)
class BindOptions:
    """Options of a bind mount."""

    propagation: str = optional("")
    non_recursive: bool = optional(False)
    create_mountpoint: bool = optional(False)
    read_only_non_recursive: bool = optional(False)
    read_only_force_recursive: bool = optional(False)


@dataclass(frozen=True, slots=True)
class VolumeDriver:
    """The driver of a volume that a mount makes."""

    name: str = ""
    options: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class VolumeOptions:
    """Options of a volume mount."""

    no_copy: bool = optional(False)
    labels: dict[str, str] | None = optional()
    driver_config: VolumeDriver | None = optional()
    subpath: str = optional("")


@dataclass(frozen=True, slots=True)
class TmpfsOptions:
    """Options of a tmpfs mount; `mode` is a number such as 0o1777."""

    size_bytes: int = optional(0)
    mode: int = optional(0)
    options: tuple[Strings, ...] | None = optional()


@dataclass(frozen=True, slots=True)
class Mount:
    """An entry of `HostConfig.Mounts`. `type`: bind, volume, tmpfs, image, npipe, cluster."""

    type: str = ""
    source: str = optional("")
    target: str = ""
    read_only: bool = optional(False)
    consistency: str = optional("")
    bind_options: BindOptions | None = optional()
    volume_options: VolumeOptions | None = optional()
    tmpfs_options: TmpfsOptions | None = optional()
    image_options: dict[str, Any] | None = optional()


@dataclass(frozen=True, slots=True)
class HostConfig:
    """The part of the create body that ties the container to its host."""

    binds: Strings | None = None
    container_id_file: str = named("ContainerIDFile", default="")
    log_config: LogConfig = LogConfig()
    network_mode: str = ""
    port_bindings: dict[str, tuple[PortBinding, ...] | None] = field(default_factory=dict)
    restart_policy: RestartPolicy = RestartPolicy()
    auto_remove: bool = False
    volume_driver: str = ""
    volumes_from: Strings | None = None
    console_size: tuple[int, ...] = (0, 0)
    annotations: dict[str, str] | None = optional()
    cap_add: Strings | None = None
    cap_drop: Strings | None = None
    cgroupns_mode: str = ""
    dns: Strings | None = None
    dns_options: Strings | None = None
    dns_search: Strings | None = None
    extra_hosts: Strings | None = None
    group_add: Strings | None = None
    ipc_mode: str = ""
    cgroup: str = ""
    links: Strings | None = None
    oom_score_adj: int = 0
    pid_mode: str = ""
    privileged: bool = False
    publish_all_ports: bool = False
    readonly_rootfs: bool = False
    security_opt: Strings | None = None
    storage_opt: dict[str, str] | None = optional()
    tmpfs: dict[str, str] | None = optional()
    uts_mode: str = named("UTSMode", default="")
    userns_mode: str = ""
    shm_size: int = 0
    sysctls: dict[str, str] | None = optional()
    runtime: str = optional("")
    isolation: str = ""
    cpu_shares: int = 0
    memory: int = 0
    nano_cpus: int = 0
    cgroup_parent: str = ""
    blkio_weight: int = 0
    blkio_weight_device: tuple[WeightDevice, ...] | None = None
    blkio_device_read_bps: tuple[ThrottleDevice, ...] | None = None
    blkio_device_write_bps: tuple[ThrottleDevice, ...] | None = None
    blkio_device_read_iops: tuple[ThrottleDevice, ...] | None = named("BlkioDeviceReadIOps", default=None)
    blkio_device_write_iops: tuple[ThrottleDevice, ...] | None = named("BlkioDeviceWriteIOps", default=None)
    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_realtime_period: int = 0
    cpu_realtime_runtime: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    devices: tuple[Device, ...] | None = None
    device_cgroup_rules: Strings | None = None
    device_requests: tuple[DeviceRequest, ...] | None = None
    kernel_memory: int = optional(0)
    kernel_memory_tcp: int = named("KernelMemoryTCP", default=0, omit_empty=True)
    memory_reservation: int = 0
    memory_swap: int = 0
    memory_swappiness: int | None = None
    oom_kill_disable: bool | None = None
    pids_limit: int | None = None
    ulimits: tuple[Ulimit, ...] | None = None
    cpu_count: int = 0
    cpu_percent: int = 0
    io_maximum_iops: int = named("IOMaximumIOps", default=0)
    io_maximum_bandwidth: int = named("IOMaximumBandwidth", default=0)
    mounts: tuple[Mount, ...] | None = optional()
    masked_paths: Strings | None = None
    readonly_paths: Strings | None = None
    init: bool | None = optional()


@dataclass(frozen=True, slots=True)
class IPAMConfig:
    """Addresses asked for on one network."""

    ipv4_address: str = named("IPv4Address", default="", omit_empty=True)
    ipv6_address: str = named("IPv6Address", default="", omit_empty=True)
    link_local_ips: Strings | None = named("LinkLocalIPs", default=None, omit_empty=True)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A container's place on one network, as asked for."""

    ipam_config: IPAMConfig | None = named("IPAMConfig", default=None)
    links: Strings | None = None
    aliases: Strings | None = None
    mac_address: str = ""
    driver_opts: dict[str, str] | None = None
    gw_priority: int = 0
    network_id: str = named("NetworkID", default="")


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """A validated `POST /containers/create`. `platform` is empty if none was asked for."""

    config: Config
    host_config: HostConfig = HostConfig()
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    name: str = ""
    platform: str = ""


class Status(StrEnum):
    """Docker's seven words for a container's state; the value is what the API shows."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class State:
    """What has become of a container. Times in nanoseconds since the epoch, 0 for never."""

    status: Status = Status.CREATED
    oom_killed: bool = named("OOMKilled", default=False)
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    started_at: int = 0
    finished_at: int = 0
    exit_unknown: bool = False
    """The process ended while nobody could see how; `exit_code` is then 255, and `error` says why."""
    health: Health | None = optional()
    """There once a container with a probe has been started."""

    @property
    def running(self) -> bool:
        """Whether Docker's `State.Running` is true: also while paused or about to be restarted."""
        return self.status in (Status.RUNNING, Status.PAUSED, Status.RESTARTING)

    @property
    def alive(self) -> bool:
        """Whether there is a process: not so in the pause before a restart."""
        return self.status in (Status.RUNNING, Status.PAUSED)


@dataclass(frozen=True, slots=True)
class Container:
    """One container: identity, what was asked (after the image's defaults were merged in), and its state.

    `created` in nanoseconds. `image` is the image's full id with `sha256:`, `config.image` the words of the user.
    `path` and `args` are the process; `host_config` is normalised to what inspect shows. `directory` is
    DATA/engines/RUNTIME/ID, `run_directory` STATE/RUNTIME/ID.
    """

    id: str
    name: str
    created: int
    image: str
    path: str
    args: Strings
    config: Config
    host_config: HostConfig
    runtime: str
    directory: str
    run_directory: str
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    mounts: tuple[MountPoint, ...] = ()
    state: State = State()
    sandbox: Sandbox = Sandbox()
    restart_count: int = 0
    platform: str = "linux"
    manually_stopped: bool = False
    """A user has asked this run to end: the restart policy leaves it alone."""
    signalled_at: int = 0
    """When a user last sent this run a signal that need not end it (ns)."""
    restart_pause: int = 0
    """How long the last pause before a restart by the policy was, or the present one is (ns)."""
    boot_id: str = ""
    """The boot of the host that `state` is from."""

    @property
    def log_path(self) -> str:
        """The json-file log, empty if the driver keeps none."""
        return f"{self.directory}/console.log" if self.host_config.log_config.type == "json-file" else ""


@dataclass(frozen=True, slots=True)
class ExecConfig:
    """A validated `POST /containers/ID/exec`. `console_size` is (height, width) or None."""

    cmd: Strings
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    tty: bool = False
    env: Strings = ()
    user: str = ""
    working_dir: str = ""
    privileged: bool = False
    detach_keys: str = ""
    console_size: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Exec:
    """One exec of a container. `exit_code` is None until it has ended."""

    id: str
    container: str
    config: ExecConfig
    running: bool = False
    exit_code: int | None = None
    pid: int = 0
    started: bool = False
