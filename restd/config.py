"""The daemon's configuration: `daemon.json`, overridden by flags, into one frozen `Config`.

An unknown key, a wrong type or a value out of range is a `ConfigError` that names the key and says why; nothing is
guessed. Paths are absolute.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

CONFIG_FILE = "/etc/isulad/daemon.json"
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
_FILE_LIMIT = 1 << 20
_UNIX_PATH_LIMIT = 107
_CGROUP_PARENT = re.compile(r"/?[A-Za-z0-9_.:@-]+(/[A-Za-z0-9_.:@-]+)*")


class ConfigError(Exception):
    """The configuration can't be used; the text names the key or flag and the reason."""


@dataclass(frozen=True, slots=True)
class RuntimeConfig:
    """An entry of `runtimes`: a program and arguments that go before the runtime's own."""

    path: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AddressPool:
    """An entry of `default-address-pools`: a subnet, cut into networks with prefixes of `size` bits."""

    base: str
    size: int


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. Sizes in bytes, times in seconds."""

    graph: str = "/var/lib/isulad"
    state: str = "/run/isulad"
    hosts: tuple[str, ...] = ("unix:///run/isulad.sock",)
    group: str = "isula"
    default_runtime: str = "runc"
    runtimes: Mapping[str, RuntimeConfig] = field(default_factory=dict)
    log_level: str = "info"
    log_driver: str = "json-file"
    log_opts: Mapping[str, str] = field(default_factory=dict)
    cgroup_parent: str = "/isulad"
    attach_limit: int = 16
    start_timeout: int = 120
    shutdown_timeout: int = 15
    dns: tuple[str, ...] = ()
    dns_opts: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    default_shm_size: int = 64 << 20
    init: bool = False
    init_path: str = "/usr/bin/tini-static"
    labels: tuple[str, ...] = ()
    registry_mirrors: tuple[str, ...] = ()
    insecure_registries: tuple[str, ...] = ()
    certs_dir: str = "/etc/isulad/certs.d"
    max_concurrent_downloads: int = 3
    max_concurrent_uploads: int = 5
    max_download_attempts: int = 5
    pidfile: str = ""
    bridge: str = ""
    bip: str = ""
    fixed_cidr: str = ""
    mtu: int = 0
    icc: bool = True
    ip_forward: bool = True
    ip_masq: bool = True
    iptables: bool = True
    ip6tables: bool = True
    firewall_backend: str = "iptables"
    default_address_pools: tuple[AddressPool, ...] = ()
    cni_bin_dir: tuple[str, ...] = ("/usr/lib/cni", "/opt/cni/bin")
    cni_conf_dir: str = "/etc/cni/net.d"


def load(arguments: Sequence[str] | None = None, content: bytes | None = None) -> Config:
    """The configuration from the command line `arguments` (default: the process's own) and the file they name.

    `content`: what was in that file when it was read (`read_file`).
    """
    flags = parser().parse_args(arguments)
    values = _parse(flags.config_file or CONFIG_FILE, read_file(arguments) if content is None else content)
    for key in ("graph", "state", "group", "default-runtime", "log-level", "cgroup-parent", "pidfile"):
        given = getattr(flags, key.replace("-", "_"))
        if given is not None:
            values[key] = given
    if flags.host:
        values["hosts"] = flags.host
    return from_mapping(values)


def parser() -> argparse.ArgumentParser:
    """The daemon's command line; also what the manual is made from."""
    result = argparse.ArgumentParser(
        prog="isula-restd", description="A light container engine that speaks the Docker Engine API."
    )
    flag = result.add_argument
    flag("--config-file", metavar="FILE", help=f"settings in JSON (default {CONFIG_FILE}, which may be missing)")
    flag("--root", "--graph", dest="graph", metavar="DIR", help="images and containers (default /var/lib/isulad)")
    flag("--state", metavar="DIR", help="run-time state (default /run/isulad)")
    flag("-H", "--host", action="append", metavar="URL", help="unix:///PATH to listen on; may be repeated")
    flag("-G", "--group", metavar="NAME", help="group that may use the socket (default isula)")
    flag("--default-runtime", metavar="NAME", help="OCI runtime of containers that ask for none (default runc)")
    flag("--cgroup-parent", metavar="PATH", help="cgroup above the containers' (default /isulad)")
    flag("-l", "--log-level", choices=LOG_LEVELS, help="least severe message to log (default info)")
    flag("-p", "--pidfile", metavar="FILE", help="file for the daemon's process id")
    flag("-v", "--version", action="store_true", help="print the version and exit")
    return result


def read_file(arguments: Sequence[str] | None = None) -> bytes:
    """The text of daemon.json; ConfigError if it can't be read, or is not there although a flag names it."""
    named = parser().parse_args(arguments).config_file
    path = named or CONFIG_FILE
    try:
        with open(path, "rb") as file:
            return file.read(_FILE_LIMIT)
    except FileNotFoundError:
        if named is not None:
            raise ConfigError(f"{path}: no such file") from None
        return b""
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def _parse(path: str, content: bytes) -> dict[str, Any]:
    if not content.strip():
        return {}
    try:
        values = json.loads(content)
    except ValueError as error:
        raise ConfigError(f"{path}: not JSON: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: a JSON object is expected, not {type(values).__name__}")
    return values


def from_mapping(values: Mapping[str, Any]) -> Config:
    """A Config from the keys of `daemon.json`; ConfigError for whatever is wrong with them."""
    config = Config()
    changes: dict[str, Any] = {}
    for key, value in values.items():
        reader = _READERS.get(key)
        if reader is None:
            raise ConfigError(f"unknown key {key!r} in the configuration; known: {', '.join(sorted(_READERS))}")
        changes[key.replace("-", "_")] = reader(key, value)
    config = replace(config, **changes)
    if config.graph == config.state:
        raise ConfigError(f"graph and state must be different folders, both are {config.graph}")
    if config.bip and config.fixed_cidr:
        subnet = ipaddress.IPv4Interface(config.bip).network
        if not ipaddress.IPv4Network(config.fixed_cidr).subnet_of(subnet):
            raise ConfigError(f"fixed-cidr must be a part of bip's subnet {subnet}, not {config.fixed_cidr}")
    return config


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{key}: a string is expected, not {json.dumps(value)}")
    return value


def _path(key: str, value: Any) -> str:
    text = _text(key, value)
    if not os.path.isabs(text) or "\0" in text:
        raise ConfigError(f"{key}: an absolute path is expected, not {text!r}")
    return os.path.normpath(text)


def _boolean(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{key}: true or false is expected, not {json.dumps(value)}")
    return value


def _whole(low: int, high: int) -> Callable[[str, Any], int]:
    def read(key: str, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ConfigError(f"{key}: a whole number from {low} to {high} is expected, not {json.dumps(value)}")
        return value

    return read


def _one_of(*choices: str) -> Callable[[str, Any], str]:
    def read(key: str, value: Any) -> str:
        if value not in choices:
            raise ConfigError(f"{key}: one of {', '.join(choices)} is expected, not {json.dumps(value)}")
        return str(value)

    return read


def _texts(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise ConfigError(f"{key}: a list of strings is expected, not {json.dumps(value)}")
    return tuple(value)


def _options(key: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(entry, str) for entry in value.values()):
        raise ConfigError(f"{key}: an object of strings is expected, not {json.dumps(value)}")
    return dict(value)


def _hosts(key: str, value: Any) -> tuple[str, ...]:
    hosts = _texts(key, value)
    if not hosts:
        raise ConfigError(f"{key}: at least one address is expected")
    for host in hosts:
        path = host.removeprefix("unix://")
        if path == host:
            raise ConfigError(f"{key}: {host!r} is not served; only unix:///PATH is")
        if not os.path.isabs(path):
            raise ConfigError(f"{key}: an absolute path is expected in {host!r}")
        if len(os.fsencode(path)) > _UNIX_PATH_LIMIT:
            raise ConfigError(f"{key}: {path} is longer than the {_UNIX_PATH_LIMIT} bytes that a unix socket can have")
    return hosts


def _mirrors(key: str, value: Any) -> tuple[str, ...]:
    mirrors = _texts(key, value)
    for mirror in mirrors:
        if not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+/?", mirror):
            raise ConfigError(f"{key}: http://HOST[:PORT] or https://HOST[:PORT] is expected, not {mirror!r}")
    return mirrors


def _cgroup_parent(key: str, value: Any) -> str:
    text = _text(key, value)
    if not _CGROUP_PARENT.fullmatch(text) or ".." in text.split("/"):
        raise ConfigError(f"{key}: a cgroup path is expected, not {text!r}")
    return "/" + text.strip("/")


def _runtimes(key: str, value: Any) -> dict[str, RuntimeConfig]:
    if not isinstance(value, dict):
        raise ConfigError(f"{key}: an object is expected, not {json.dumps(value)}")
    result = {}
    for name, entry in value.items():
        where = f"{key}.{name}"
        if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", name):
            raise ConfigError(f"{where}: not a name for a runtime")
        if not isinstance(entry, dict) or set(entry) - {"path", "runtimeArgs"} or "path" not in entry:
            raise ConfigError(f"{where}: an object with path and, if needed, runtimeArgs is expected")
        result[name] = RuntimeConfig(
            _path(f"{where}.path", entry["path"]), _texts(f"{where}.runtimeArgs", entry.get("runtimeArgs", []))
        )
    return result


def _interface(key: str, value: Any) -> str:
    text = _text(key, value)
    if text and not re.fullmatch(r"[A-Za-z0-9_.-]{1,15}", text):
        raise ConfigError(f"{key}: the name of an interface is expected, at most 15 characters, not {text!r}")
    return text


def _ipv4(network: bool) -> Callable[[str, Any], str]:
    """A subnet, or with `network` False an address with its prefix length; empty for none."""

    def read(key: str, value: Any) -> str:
        text = _text(key, value)
        try:
            if text and "/" not in text:
                raise ValueError
            if text:
                (ipaddress.IPv4Network if network else ipaddress.IPv4Interface)(text)
        except ValueError:
            example = "172.17.0.0/16" if network else "172.17.0.1/16"
            raise ConfigError(f"{key}: an IPv4 {'subnet' if network else 'address'} as {example} is expected") from None
        return text

    return read


def _pools(key: str, value: Any) -> tuple[AddressPool, ...]:
    if not isinstance(value, list):
        raise ConfigError(f"{key}: a list is expected, not {json.dumps(value)}")
    result = []
    for index, entry in enumerate(value):
        where = f"{key}[{index}]"
        if not isinstance(entry, dict) or set(entry) != {"base", "size"}:
            raise ConfigError(f"{where}: an object with base and size is expected")
        try:
            base = ipaddress.ip_network(_text(f"{where}.base", entry["base"]))
        except ValueError as error:
            raise ConfigError(f"{where}.base: {error}") from None
        size = _whole(base.prefixlen, base.max_prefixlen - 2)(f"{where}.size", entry["size"])
        result.append(AddressPool(str(base), size))
    return tuple(result)


def _paths(key: str, value: Any) -> tuple[str, ...]:
    """One absolute path or a list of them."""
    return tuple(_path(key, entry) for entry in (value if isinstance(value, list) else [value]))


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "graph": _path,
    "state": _path,
    "hosts": _hosts,
    "group": _text,
    "default-runtime": _text,
    "runtimes": _runtimes,
    "log-level": _one_of(*LOG_LEVELS),
    "log-driver": _one_of("json-file", "none"),
    "log-opts": _options,
    "cgroup-parent": _cgroup_parent,
    "attach-limit": _whole(1, 1024),
    "start-timeout": _whole(1, 3600),
    "shutdown-timeout": _whole(1, 3600),
    "dns": _texts,
    "dns-opts": _texts,
    "dns-search": _texts,
    "default-shm-size": _whole(1 << 16, 1 << 50),
    "init": _boolean,
    "init-path": _path,
    "labels": _texts,
    "registry-mirrors": _mirrors,
    "insecure-registries": _texts,
    "certs-dir": _path,
    "max-concurrent-downloads": _whole(1, 64),
    "max-concurrent-uploads": _whole(1, 64),
    "max-download-attempts": _whole(1, 100),
    "pidfile": _path,
    "bridge": _interface,
    "bip": _ipv4(network=False),
    "fixed-cidr": _ipv4(network=True),
    "mtu": _whole(0, 65535),
    "icc": _boolean,
    "ip-forward": _boolean,
    "ip-masq": _boolean,
    "iptables": _boolean,
    "ip6tables": _boolean,
    "firewall-backend": _one_of("iptables", "iptables-nft", "iptables-legacy"),
    "default-address-pools": _pools,
    "cni-bin-dir": _paths,
    "cni-conf-dir": _path,
}
assert {key.replace("-", "_") for key in _READERS} == {item.name for item in fields(Config)}
