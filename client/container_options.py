"""The options that `run` and `create` share: what a container is made of."""

from __future__ import annotations

from client import mounts, values
from client.options import Option

_MANY = True

DETACH_KEYS = "ctrl-q"
DETACH_NOTE = (
    "On a raw stream its end looks the same whether the process has exited or the detach keys were typed. So when the"
    " stream of a terminal ends, the client waits one second for the stopped state; failing that, it says"
    " 'INFO: Wait container stopped status timeout.' and exits with 0."
)


def detach_keys() -> Option:
    """`--detach-keys`, the same for every verb that attaches."""
    return Option("detach-keys", f"Keys that end the session alone ({DETACH_KEYS})", "KEYS", default=DETACH_KEYS)


USUAL = (
    Option("name", "Name of the container", "NAME"),
    Option("interactive i", "Keep stdin open"),
    Option("tty t", "Give the container a terminal"),
    Option("env e", "Set a variable; a bare name takes the client's value", "NAME[=VALUE]", many=_MANY),
    Option("env-file", "Read variables from a file", "FILE", many=_MANY),
    Option("label l", "Set a label", "NAME[=VALUE]", many=_MANY),
    Option("label-file", "Read labels from a file", "FILE", many=_MANY),
    Option("workdir w", "Working directory in the container", "DIR"),
    Option("user u", "User, by name or number", "USER[:GROUP]"),
    Option("entrypoint", "Replace the image's entrypoint", "PROGRAM"),
    Option("volume v", "Mount a folder or volume", "SOURCE:TARGET[:ro]", many=_MANY),
    Option("mount", "Mount, in long form: type=bind,src=/a,dst=/b", "FIELDS", mounts.mount, many=_MANY),
    Option("tmpfs", "Mount a tmpfs", "TARGET[:OPTIONS]", many=_MANY),
    Option("network net", "Network: a name, bridge, none, host, container:NAME", "NETWORK", many=_MANY),
    Option("publish p", "Publish a port", "[IP:][PORT:]PORT[/udp]", many=_MANY),
    Option("memory m", "Limit of memory", "SIZE", values.size),
    Option("cpus", "Limit of CPU time, in CPUs", "NUMBER", values.cpus),
    Option("privileged", "Give all privileges of the engine's host"),
    Option("read-only", "Mount the root file system read-only"),
    Option("runtime", "OCI runtime", "NAME"),
    Option("restart", "When to restart it: no, on-failure[:N], always, unless-stopped, on-reboot", "POLICY"),
    Option("rm", "Remove the container when it has ended"),
    Option("pull", "Pull the image: always, missing, never (missing)", "WHEN", default="missing"),
)

# Options whose names say enough have no text: the help lists them in one paragraph.
RARE = (
    Option("add-host", "", "NAME:IP", many=_MANY),
    Option("annotation", "", "NAME=VALUE", many=_MANY),
    Option("attach a", "", "STREAM", many=_MANY),
    Option("cap-add", "", "CAPABILITY", many=_MANY),
    Option("cap-drop", "", "CAPABILITY", many=_MANY),
    Option("cgroup-parent", "", "PATH"),
    Option("cidfile", "", "FILE"),
    Option("cpu-period", "", "MICROSECONDS", values.integer),
    Option("cpu-quota", "", "MICROSECONDS", values.integer),
    Option("cpu-shares c", "", "NUMBER", values.integer),
    Option("cpuset-cpus", "", "LIST"),
    Option("cpuset-mems", "", "LIST"),
    Option("device", "", "DEVICE", mounts.device, many=_MANY),
    Option("dns", "", "IP", many=_MANY),
    Option("dns-option dns-opt", "", "OPTION", many=_MANY),
    Option("dns-search", "", "DOMAIN", many=_MANY),
    Option("domainname", "", "NAME"),
    Option("expose", "", "PORT", many=_MANY),
    Option("group-add", "", "GROUP", many=_MANY),
    Option("health-cmd", "", "COMMAND"),
    Option("health-interval", "", "DURATION", values.duration),
    Option("health-retries", "", "NUMBER", values.integer),
    Option("health-start-interval", "", "DURATION", values.duration),
    Option("health-start-period", "", "DURATION", values.duration),
    Option("health-timeout", "", "DURATION", values.duration),
    Option("hostname h", "", "NAME"),
    Option("init", ""),
    Option("ip", "", "ADDRESS"),
    Option("ip6", "", "ADDRESS"),
    Option("ipc", "", "MODE"),
    Option("link", "", "CONTAINER[:ALIAS]", many=_MANY),
    Option("link-local-ip", "", "ADDRESS", many=_MANY),
    Option("log-driver", "", "NAME"),
    Option("log-opt", "", "NAME=VALUE", many=_MANY),
    Option("mac-address", "", "MAC"),
    Option("memory-reservation", "", "SIZE", values.size),
    Option("memory-swap", "", "SIZE", values.swap),
    Option("network-alias net-alias", "", "NAME", many=_MANY),
    Option("no-healthcheck", ""),
    Option("oom-score-adj", "", "NUMBER", values.integer),
    Option("pid", "", "MODE"),
    Option("pids-limit", "", "NUMBER", values.integer),
    Option("platform", "", "OS/ARCH"),
    Option("publish-all P", ""),
    Option("security-opt", "", "OPTION", many=_MANY),
    Option("shm-size", "", "SIZE", values.size),
    Option("stop-signal", "", "SIGNAL"),
    Option("stop-timeout", "", "SECONDS", values.integer),
    Option("sysctl", "", "NAME=VALUE", many=_MANY),
    Option("ulimit", "", "NAME=SOFT[:HARD]", many=_MANY),
    Option("uts", "", "MODE"),
)
