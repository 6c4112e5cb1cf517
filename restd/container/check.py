"""Whether a create request makes sense, in Docker's words and as far as it can be known before anything is made.

Each function raises InvalidParameter for the first thing that is wrong. Limits are in `check_limits`, mounts in
`check_mounts`, networks in `check_network`; what a field's form must be is the door's business.
"""

from __future__ import annotations

from restd.container import restart_policy
from restd.container.check_health import check_health
from restd.container.check_limits import check_limits
from restd.container.check_mounts import check_mounts
from restd.container.check_network import check_names, check_network_request
from restd.container.log_options import check_log
from restd.container.registry import Registry
from restd.container.signals import parse_signal
from restd.errors import Conflict, InvalidParameter
from restd.lib.host import Host
from restd.lib.ids import is_name
from restd.model.container import Config, Container, CreateRequest, HostConfig, Status
from restd.oci import capabilities, devices, security
from restd.oci.namespaces import joined

_IPC_SYSCTLS = frozenset(
    "kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall kernel.shmmax kernel.shmmni "
    "kernel.shm_rmid_forced".split()
)

_LOG_DRIVERS = frozenset(
    "json-file none local syslog journald gelf fluentd awslogs splunk gcplogs logentries etwlogs".split()
) | {""}


def check_name(name: str) -> None:
    """A name's form; the caller knows whether it is taken."""
    if not is_name(name):
        raise InvalidParameter(f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")


def check_request(request: CreateRequest) -> None:
    """What contradicts itself or means nothing in the request alone, before the image has a say."""
    host_config = request.host_config
    policy = host_config.restart_policy
    restart_policy.check(policy)
    if host_config.isolation not in ("", "default"):
        raise InvalidParameter(f"invalid isolation '{host_config.isolation}' on linux")
    if host_config.log_config.type not in _LOG_DRIVERS:
        raise InvalidParameter(f"logger: no log driver named '{host_config.log_config.type}' is registered")
    if host_config.auto_remove and not restart_policy.is_none(policy):
        raise InvalidParameter("can't create 'AutoRemove' container with restart policy")
    check_network_request(request)


def check_container(config: Config, host_config: HostConfig, host: Host) -> None:
    """The merged and normalised container."""
    _check_config(config)
    check_health(config)
    check_limits(host_config, host)
    check_mounts(host_config)
    check_log(host_config.log_config)
    _check_modes(host_config)
    _check_sysctls(host_config)
    security.parse(host_config.security_opt, host)
    for field, names in (("CapAdd", host_config.cap_add), ("CapDrop", host_config.cap_drop)):
        try:
            capabilities.normalise(names)
        except InvalidParameter as error:
            raise InvalidParameter(f"invalid {field}: {error}") from error
    capabilities.allowed(
        host_config.cap_add, host_config.cap_drop, privileged=host_config.privileged, available=host.capabilities
    )
    if not host_config.privileged:
        devices.devices(host_config)
    check_names(host_config)


def _check_config(config: Config) -> None:
    if not (config.entrypoint or config.cmd) or not (config.entrypoint or config.cmd or ("",))[0]:
        raise InvalidParameter("no command specified")
    if config.working_dir and not config.working_dir.startswith("/"):
        raise InvalidParameter(
            f"the working directory '{config.working_dir}' is invalid, it needs to be an absolute path"
        )
    if config.stop_signal:
        parse_signal(config.stop_signal)
    for entry in config.env:
        if not entry or entry.startswith("="):
            raise InvalidParameter(f"invalid environment variable: {entry}")
    texts = (*config.env, *(config.cmd or ()), *(config.entrypoint or ()), config.working_dir, config.user)
    if any("\0" in text for text in texts):
        raise InvalidParameter("a command, variable, user or path can't contain a null byte")


def _check_modes(host_config: HostConfig) -> None:
    """Words that a namespace mode may be; `container:ID` has been resolved already."""
    for field, mode, words in (
        ("IPC", host_config.ipc_mode, ("private", "shareable", "host", "none")),
        ("PID", host_config.pid_mode, ("", "private", "host")),
        ("UTS", host_config.uts_mode, ("", "private", "host")),
    ):
        if mode not in words and not (joined(mode) and field != "UTS"):
            raise InvalidParameter(f"invalid {field} mode: {mode}")


def _check_sysctls(host_config: HostConfig) -> None:
    """Only what belongs to a namespace of the container's own may be set."""
    for name in host_config.sysctls or {}:
        if name.startswith("net."):
            if host_config.network_mode == "host":
                raise InvalidParameter(f'sysctl "{name}" not allowed in host network namespace')
        elif name in _IPC_SYSCTLS or name.startswith("fs.mqueue."):
            if host_config.ipc_mode == "host":
                raise InvalidParameter(f'sysctl "{name}" not allowed in host ipc namespace')
        else:
            raise InvalidParameter(f"sysctl '{name}' is not allowed: it is not of a namespace of the container's own")


def resolved_mode(mode: str, registry: Registry) -> str:
    """`container:X` with X as the full id; NotFound if there is no such container. Other modes as they are."""
    reference = joined(mode)
    if mode == "container:":
        raise InvalidParameter("invalid container format container:<name|id>")
    return f"container:{registry.find(reference).container.id}" if reference else mode


def joined_container(mode: str, kind: str, registry: Registry, own_id: str) -> Container | None:
    """The running container whose namespace `mode` joins; Conflict if it does not run."""
    reference = joined(mode)
    if not reference:
        return None
    other = registry.find(reference).container
    if other.id == own_id:
        raise InvalidParameter(f"cannot join own {kind} namespace")
    if other.state.status not in (Status.RUNNING, Status.PAUSED):
        raise Conflict(f"cannot join {kind} namespace of a non running container: {other.id}")
    return other
