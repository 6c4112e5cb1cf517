"""From the options of `run` and `create` to the body of the engine's create request."""

from __future__ import annotations

import json
import os

from client import environment, mounts, networking, ports
from client.errors import ClientError
from client.values import integer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from client.options import Arguments

_STREAMS = ("stdin", "stdout", "stderr")
_PROFILE_LIMIT = 16 * 1024 * 1024
_RESTARTS = ("no", "always", "unless-stopped", "on-failure", "on-reboot")
# option -> HostConfig field, passed on as it was parsed; not sent at all if it wasn't given
_HOST_FIELDS = {
    "pid": "PidMode",
    "ipc": "IpcMode",
    "uts": "UTSMode",
    "cap-add": "CapAdd",
    "cap-drop": "CapDrop",
    "group-add": "GroupAdd",
    "memory": "Memory",
    "memory-swap": "MemorySwap",
    "memory-reservation": "MemoryReservation",
    "cpu-shares": "CpuShares",
    "cpu-quota": "CpuQuota",
    "cpu-period": "CpuPeriod",
    "cpus": "NanoCpus",
    "cpuset-cpus": "CpusetCpus",
    "cpuset-mems": "CpusetMems",
    "pids-limit": "PidsLimit",
    "device": "Devices",
    "dns": "Dns",
    "dns-search": "DnsSearch",
    "dns-option": "DnsOptions",
    "shm-size": "ShmSize",
    "oom-score-adj": "OomScoreAdj",
    "runtime": "Runtime",
    "cgroup-parent": "CgroupParent",
    "mount": "Mounts",
    "cidfile": "ContainerIDFile",
}
_HEALTH_FIELDS = {
    "health-interval": "Interval",
    "health-timeout": "Timeout",
    "health-start-period": "StartPeriod",
    "health-start-interval": "StartInterval",
    "health-retries": "Retries",
}
_HOST_FLAGS = {
    "privileged": "Privileged",
    "read-only": "ReadonlyRootfs",
    "init": "Init",
    "rm": "AutoRemove",
    "publish-all": "PublishAllPorts",
}


def body(
    arguments: Arguments,
    variables: Mapping[str, str],
    console: tuple[int, int] | None,
    detached: bool,
) -> dict[str, Any]:
    """The create request: `words` are the image and the command; `console` is the terminal's size, if it matters.

    Raises ClientError (exit code 125) for values that the client itself can see are wrong.
    """
    try:
        made = _config(arguments, variables, detached)
        made["HostConfig"] = host_config = _host_config(arguments)
        mode, endpoints, links = networking.networks(arguments)
    except ValueError as error:
        raise ClientError(str(error), 125) from error
    if mode:
        host_config["NetworkMode"] = mode
    if links:
        host_config["Links"] = links
    if endpoints:
        made["NetworkingConfig"] = {"EndpointsConfig": endpoints}
    if console:
        made["HostConfig"]["ConsoleSize"] = list(console)
    return made


def attached(arguments: Arguments, detached: bool) -> set[str]:
    """Which streams the session has: those of `--attach`, else stdout and stderr, and stdin with `-i`."""
    chosen = {name.lower() for name in arguments.many("attach")}
    wrong = chosen.difference(_STREAMS)
    if wrong:
        raise ValueError(f'invalid stream "{min(wrong)}" for --attach: stdin, stdout or stderr is wanted')
    if detached:
        if chosen:
            raise ValueError("conflicting options: --attach and --detach")
        return set()
    if not chosen:
        chosen = {"stdout", "stderr"}
        if arguments.flag("interactive"):
            chosen.add("stdin")
    return chosen


def _config(arguments: Arguments, variables: Mapping[str, str], detached: bool) -> dict[str, Any]:
    image, *command = arguments.words
    streams = attached(arguments, detached)
    made: dict[str, Any] = {
        "Image": image,
        "Tty": arguments.flag("tty"),
        "OpenStdin": arguments.flag("interactive"),
        "StdinOnce": arguments.flag("interactive") and "stdin" in streams,
        "AttachStdin": "stdin" in streams,
        "AttachStdout": "stdout" in streams,
        "AttachStderr": "stderr" in streams,
        "Env": environment.variables(arguments.many("env-file"), arguments.many("env"), variables),
        "Labels": environment.labels(arguments.many("label-file"), arguments.many("label")),
    }
    if command:
        made["Cmd"] = command
    if "entrypoint" in arguments.given:
        made["Entrypoint"] = [arguments.text("entrypoint")]
    fields = (("user", "User"), ("workdir", "WorkingDir"), ("hostname", "Hostname"), ("domainname", "Domainname"))
    for key, field in (*fields, ("stop-signal", "StopSignal")):
        if arguments.text(key):
            made[field] = arguments.text(key)
    if arguments.value("stop-timeout") is not None:
        made["StopTimeout"] = arguments.value("stop-timeout")
    check = health(arguments)
    if check:
        made["Healthcheck"] = check
    anonymous = mounts.volumes(arguments.many("volume"))[1]
    if anonymous:
        made["Volumes"] = anonymous
    open_ports = ports.exposed(arguments.many("expose"))
    open_ports.update((port, {}) for port in ports.published(arguments.many("publish")))
    if open_ports:
        made["ExposedPorts"] = open_ports
    return made


def _host_config(arguments: Arguments) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, field in _HOST_FIELDS.items():
        value = arguments.value(key)
        if value not in (None, "", []):
            made[field] = value
    for key, field in _HOST_FLAGS.items():
        if key in arguments.given:
            made[field] = arguments.flag(key)
    if arguments.flag("rm") and arguments.text("restart") not in ("", "no"):
        raise ValueError("conflicting options: --rm and --restart")
    more: dict[str, Any] = {
        "Binds": mounts.volumes(arguments.many("volume"))[0],
        "Tmpfs": mounts.tmpfs(arguments.many("tmpfs")),
        "PortBindings": ports.published(arguments.many("publish")),
        "Ulimits": [ulimit(text) for text in arguments.many("ulimit")],
        "Sysctls": environment.pairs(arguments.many("sysctl"), "sysctl"),
        "ExtraHosts": [extra_host(text) for text in arguments.many("add-host")],
        "Annotations": environment.labels((), arguments.many("annotation"), "annotation"),
        "LogConfig": _log_config(arguments),
        "RestartPolicy": restart_policy(arguments.text("restart")) if arguments.text("restart") else None,
    }
    made.update((field, value) for field, value in more.items() if value)
    _security(arguments, made)
    return made


def health(arguments: Arguments) -> dict[str, Any]:
    """`--health-*` and `--no-healthcheck`; empty if the image decides."""
    made: dict[str, Any] = {}
    if arguments.text("health-cmd"):
        made["Test"] = ["CMD-SHELL", arguments.text("health-cmd")]
    for key, field in _HEALTH_FIELDS.items():
        value = arguments.value(key)
        if value:
            if value < 0:
                raise ValueError(f"--{key} cannot be negative")
            made[field] = value
    if arguments.flag("no-healthcheck"):
        if made:
            raise ValueError("--no-healthcheck conflicts with --health-* options")
        return {"Test": ["NONE"]}
    return made


def ulimit(text: str) -> dict[str, Any]:
    """`--ulimit NAME=SOFT[:HARD]`; -1 is unlimited."""
    name, equals, limits = text.partition("=")
    soft, colon, hard = limits.partition(":")
    try:
        low, high = integer(soft), integer(hard if colon else soft)
    except ValueError:
        equals = ""
    if not equals or not name:
        raise ValueError(f'invalid ulimit "{text}": NAME=SOFT[:HARD] is wanted')
    if high >= 0 and (low > high or low < 0):
        raise ValueError(f'invalid ulimit "{text}": the soft limit is above the hard one')
    return {"Name": name, "Soft": low, "Hard": high}


def extra_host(text: str) -> str:
    """`--add-host NAME:IP` (or NAME=IP), as the engine wants it."""
    name, equals, address = text.partition("=")
    if not equals:
        name, equals, address = text.partition(":")
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    if not name or not address:
        raise ValueError(f'invalid host "{text}": NAME:IP is wanted')
    return f"{name}:{address}"


def restart_policy(text: str) -> dict[str, Any]:
    """`--restart POLICY[:TRIES]`."""
    name, colon, tries = text.partition(":")
    if name not in _RESTARTS or (colon and not (tries.isascii() and tries.isdigit() and len(tries) < 10)):
        raise ValueError(f'invalid restart policy "{text}": {", ".join(_RESTARTS)} or on-failure:N is wanted')
    if colon and name != "on-failure":
        raise ValueError(f'invalid restart policy "{text}": only on-failure has a number of tries')
    return {"Name": name, "MaximumRetryCount": int(tries or 0)}


def _log_config(arguments: Arguments) -> dict[str, Any] | None:
    options = environment.pairs(arguments.many("log-opt"), "log option")
    driver = arguments.text("log-driver")
    if driver == "none" and options:
        raise ValueError("invalid log options: the driver none takes none")
    if not driver and not options:
        return None
    return {"Type": driver, "Config": options}


def _security(arguments: Arguments, made: dict[str, Any]) -> None:
    """`--security-opt`: a seccomp profile is read here, as the engine may run elsewhere."""
    options = []
    for text in arguments.many("security-opt"):
        name, separator, value = text.partition("=")
        if not separator:
            name, separator, value = text.partition(":")
        if text == "systempaths=unconfined":
            made["MaskedPaths"] = []
            made["ReadonlyPaths"] = []
        elif name == "seccomp" and value not in ("unconfined", "builtin", ""):
            options.append("seccomp=" + _profile(value))
        elif not separator and name != "no-new-privileges":
            raise ValueError(f'invalid security option "{text}": NAME=VALUE is wanted')
        else:
            options.append(f"{name}={value}" if separator else name)
    if options:
        made["SecurityOpt"] = options


def _profile(name: str) -> str:
    try:
        with open(name, "rb") as file:
            if os.fstat(file.fileno()).st_size > _PROFILE_LIMIT:
                raise ValueError(f"seccomp profile {name}: the file is larger than 16 MiB")
            return json.dumps(json.loads(file.read(_PROFILE_LIMIT)), separators=(",", ":"))
    except OSError as error:
        raise ValueError(f"seccomp profile {name}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"seccomp profile {name}: {error}") from error
