"""Docker's defaults for what a request leaves open, in the form that inspect shows; pure."""

from __future__ import annotations

from dataclasses import replace

from restd.config import Config as EngineConfig
from restd.lib.host import Host
from restd.lib.ids import short_id
from restd.model.container import Config, HostConfig, LogConfig
from restd.oci.spec import MASKED_PATHS, READONLY_PATHS


def normalised(host_config: HostConfig, runtime: str, engine: EngineConfig, host: Host) -> HostConfig:
    """`host_config` with every default filled in; `runtime` has been resolved, and so has the network."""
    swap, pids = host_config.memory_swap, host_config.pids_limit
    unmasked = host_config.privileged
    return replace(
        host_config,
        ipc_mode=host_config.ipc_mode or "private",
        cgroupns_mode=host_config.cgroupns_mode or ("private" if host.cgroups.version == 2 else "host"),
        restart_policy=replace(host_config.restart_policy, name=host_config.restart_policy.name or "no"),
        log_config=log_config(host_config.log_config, engine),
        runtime=runtime,
        shm_size=host_config.shm_size or engine.default_shm_size,
        memory_swap=2 * host_config.memory if host_config.memory > 0 and swap == 0 else swap,
        memory_swappiness=None,
        oom_kill_disable=None if host.cgroups.version == 2 else False,
        pids_limit=None if pids is not None and pids <= 0 else pids,
        masked_paths=MASKED_PATHS if host_config.masked_paths is None and not unmasked else host_config.masked_paths,
        readonly_paths=(
            READONLY_PATHS if host_config.readonly_paths is None and not unmasked else host_config.readonly_paths
        ),
    )


def log_config(asked: LogConfig, engine: EngineConfig) -> LogConfig:
    """The daemon's log driver and options where the request leaves them open."""
    kind = asked.type or engine.log_driver
    if kind != engine.log_driver:
        return LogConfig(kind, asked.config)
    return LogConfig(kind, {**engine.log_opts, **asked.config})


def hostname(config: Config, host_config: HostConfig, container_id: str, host: Host) -> str:
    """The container's name for itself: as asked, the host's on its network, else the short id.

    A container in another's network namespace has that container's name, which is known at start.
    """
    if config.hostname or host_config.network_mode.startswith("container:"):
        return config.hostname
    if host_config.network_mode == "host" or host_config.uts_mode == "host":
        return host.hostname
    return short_id(container_id)
