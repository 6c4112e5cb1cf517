"""The OCI `process`: arguments, environment, user, limits, terminal; of a container's first process and of an exec."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from restd.errors import InvalidParameter
from restd.lib.host import Host
from restd.model.container import Container, ExecConfig, Ulimit
from restd.oci import capabilities, security, users
from restd.oci.mounts import INIT_PATH
from restd.oci.users import Identity

DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ULIMITS = frozenset(
    "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split()
)
_NO_LIMIT = (1 << 64) - 1
_DEFAULT_NOFILE = 1048576


def process(
    container: Container, identity: Identity, granted: tuple[str, ...], host: Host, *, init: bool
) -> dict[str, Any]:
    """The container's first process, under the init program if `init`."""
    config, host_config = container.config, container.host_config
    arguments = [container.path, *container.args]
    result: dict[str, Any] = {
        "terminal": config.tty,
        "user": user_object(identity),
        "args": [INIT_PATH, "--", *arguments] if init else arguments,
        "env": environment(container, config.env, identity, tty=config.tty),
        "cwd": config.working_dir or "/",
        "capabilities": capabilities.for_user(granted, identity.uid),
        "rlimits": rlimits(host_config.ulimits, host),
        "oomScoreAdj": _oom_score_adj(host_config.oom_score_adj, host),
        "noNewPrivileges": False,
    }
    size = tuple(host_config.console_size)
    if config.tty and len(size) == 2 and all(size):
        result["consoleSize"] = {"height": size[0], "width": size[1]}
    return result


def exec_process(container: Container, config: ExecConfig, passwd: str, group: str, host: Host) -> dict[str, Any]:
    """The `process` for `RUNTIME exec --process`: the container's surroundings, with what the exec asks for over them.

    Raises InvalidParameter for a user that the container's files don't know.
    """
    host_config = container.host_config
    user = config.user or container.config.user
    identity = users.resolve(user, host_config.group_add or (), passwd, group)
    privileged = config.privileged or host_config.privileged
    granted = capabilities.allowed(
        host_config.cap_add, host_config.cap_drop, privileged=privileged, available=host.capabilities
    )
    options = security.parse(host_config.security_opt, host)
    result: dict[str, Any] = {
        "terminal": config.tty,
        "user": user_object(identity),
        "args": list(config.cmd),
        "env": environment(container, (*container.config.env, *config.env), identity, tty=config.tty),
        "cwd": config.working_dir or container.config.working_dir or "/",
        "capabilities": capabilities.for_user(granted, identity.uid),
        "rlimits": rlimits(host_config.ulimits, host),
        "oomScoreAdj": _oom_score_adj(host_config.oom_score_adj, host),
        "noNewPrivileges": options.no_new_privileges and not config.privileged,
    }
    if options.apparmor and not config.privileged:
        result["apparmorProfile"] = options.apparmor
    if config.tty and config.console_size and all(config.console_size):
        result["consoleSize"] = {"height": config.console_size[0], "width": config.console_size[1]}
    return result


def user_object(identity: Identity) -> dict[str, Any]:
    """The OCI `user`."""
    return {"uid": identity.uid, "gid": identity.gid, "additionalGids": list(identity.groups)}


def environment(container: Container, given: Iterable[str], identity: Identity, *, tty: bool) -> list[str]:
    """PATH, HOSTNAME, TERM for a terminal, then `given` over them in order, HOME last unless it was given.

    A name without `=` removes the variable, as in Docker.
    """
    first = [DEFAULT_PATH, f"HOSTNAME={container.config.hostname}"]
    if tty:
        first.append("TERM=xterm")
    result: dict[str, str] = {}
    for entry in [*first, *given]:
        name, equals, value = entry.partition("=")
        if equals:
            result[name] = value
        else:
            result.pop(name, None)
    result.setdefault("HOME", identity.home)
    return [f"{name}={value}" for name, value in result.items()]


def rlimits(ulimits: Iterable[Ulimit] | None, host: Host) -> list[dict[str, Any]]:
    """The OCI list. Open files get a default, as far as the engine's own hard limit goes; nothing else does."""
    open_files = min(_DEFAULT_NOFILE, host.nofile) if host.nofile >= 0 else _DEFAULT_NOFILE
    result = {"RLIMIT_NOFILE": {"type": "RLIMIT_NOFILE", "soft": open_files, "hard": open_files}}
    for limit in ulimits or ():
        name = f"RLIMIT_{limit.name.upper()}"
        result[name] = {"type": name, "soft": _limit(limit.soft), "hard": _limit(limit.hard)}
    return list(result.values())


def _limit(value: int) -> int:
    return _NO_LIMIT if value == -1 else value


def check_ulimits(ulimits: Iterable[Ulimit] | None) -> None:
    """InvalidParameter, in Docker's words, for an unknown name or a soft limit above the hard one."""
    for limit in ulimits or ():
        if limit.name not in ULIMITS:
            raise InvalidParameter(f"invalid ulimit type: {limit.name}")
        if limit.soft < -1 or limit.hard < -1:
            raise InvalidParameter(f"invalid ulimit {limit.name}: a limit is -1 or more")
        if limit.hard != -1 and (limit.soft == -1 or limit.soft > limit.hard):
            raise InvalidParameter(
                f"ulimit soft limit must be less than or equal to hard limit: {limit.soft} > {limit.hard}"
            )


def _oom_score_adj(wanted: int, host: Host) -> int:
    """The score asked for; the default of 0 is raised to the engine's own where lowering it is not permitted."""
    if wanted == 0 and host.oom_score_adj > 0 and "CAP_SYS_RESOURCE" not in host.capabilities:
        return host.oom_score_adj
    return wanted
