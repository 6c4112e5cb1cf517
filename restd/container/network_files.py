"""`/etc/hostname`, `/etc/hosts`, `/etc/resolv.conf` of a container, as Docker writes them. Texts are made by pure code.

They lie in the container's folder and are mounted over the image's at start. While the container runs they are changed
in place (a mount shows the file, not its name), line by line: what the container itself wrote there stays. Sources:
hosts(5), resolv.conf(5).
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Collection, Iterable, Sequence

from restd.config import Config as EngineConfig
from restd.lib.files import write_atomically
from restd.model.container import Container
from restd.oci.namespaces import HOST

HOSTNAME, HOSTS, RESOLV_CONF = "hostname", "hosts", "resolv.conf"
TARGETS = {"/etc/hostname": HOSTNAME, "/etc/hosts": HOSTS, "/etc/resolv.conf": RESOLV_CONF}
HOST_GATEWAY = "host-gateway"
"""The address in `--add-host NAME:host-gateway` that stands for the host as containers see it."""
_LOCAL = (
    ("127.0.0.1", "localhost"),
    ("::1", "localhost ip6-localhost ip6-loopback"),
    ("fe00::", "ip6-localnet"),
    ("ff00::", "ip6-mcastprefix"),
    ("ff02::1", "ip6-allnodes"),
    ("ff02::2", "ip6-allrouters"),
)
_HOST_HOSTS, _HOST_RESOLV_CONF = "/etc/hosts", "/etc/resolv.conf"
_RESOLVED = "/run/systemd/resolve/resolv.conf"
"""Where systemd-resolved says which servers it asks; /etc/resolv.conf then names its own stub alone."""
_STUB = "127.0.0.53"
_FALLBACK = ("8.8.8.8", "8.8.4.4")
_LIMIT = 1 << 20


def write_network_files(
    container: Container, engine: EngineConfig, donor: Container | None, host_gateway: str, name_servers: Sequence[str]
) -> dict[str, str]:
    """Write the three files; which host file belongs at which path of the container.

    With `donor`, the container whose network is joined, its files are used as they are. `host_gateway` is what
    `host-gateway` means, `name_servers` the engine's own where it resolves names for this container. The container's
    own addresses come later (`change_hosts`), when it has them.
    """
    if donor is not None:
        return {target: f"{donor.directory}/{name}" for target, name in TARGETS.items()}
    host_config = container.host_config
    on_host = host_config.network_mode == HOST
    hosts = _text(_HOST_HOSTS) if on_host else hosts_text(())
    for name, address in extra_hosts(host_config.extra_hosts or ()):
        hosts += f"{host_gateway if address == HOST_GATEWAY else address}\t{name}\n"
    for file, text in (
        (HOSTNAME, f"{full_name(container)}\n"),
        (HOSTS, hosts),
        (RESOLV_CONF, resolver(container, engine, name_servers)),
    ):
        path = f"{container.directory}/{file}"
        write_atomically(path, text.encode(), 0o644, durable=False)
        os.chmod(path, 0o644)  # the daemon's umask must not take it from the container's users
    return {target: f"{container.directory}/{name}" for target, name in TARGETS.items()}


def full_name(container: Container) -> str:
    """The container's name for itself, with its domain."""
    config = container.config
    return f"{config.hostname}.{config.domainname}" if config.domainname else config.hostname


def own_lines(container: Container, addresses: Iterable[str]) -> list[str]:
    """The lines of `/etc/hosts` for the container's own addresses."""
    names = container.config.hostname
    if container.config.domainname:
        names = f"{full_name(container)} {names}"
    return [f"{address}\t{names}" for address in addresses if address]


def change_hosts(container: Container, remove: Collection[str], add: Sequence[str]) -> None:
    """Take lines out of the container's `/etc/hosts` and put others at its end; what is there already is kept."""
    path = f"{container.directory}/{HOSTS}"
    before = _text(path)
    after = changed_lines(before, remove, add)
    if after != before:
        _write_in_place(path, after)


def changed_lines(text: str, remove: Collection[str], add: Sequence[str]) -> str:
    """`text` without the lines of `remove`, with those of `add` that it hasn't got."""
    lines = [line for line in text.splitlines() if line not in remove or line in add]
    lines += [line for line in dict.fromkeys(add) if line not in lines]
    return "".join(f"{line}\n" for line in lines)


def change_resolver(container: Container, engine: EngineConfig, before: Sequence[str], after: Sequence[str]) -> None:
    """Point the container to other name servers of the engine, unless it has changed its resolv.conf itself."""
    path = f"{container.directory}/{RESOLV_CONF}"
    if before != after and _text(path) == resolver(container, engine, before):
        _write_in_place(path, resolver(container, engine, after))


def hosts_text(addresses: Iterable[tuple[str, str]]) -> str:
    """The lines that every container has, then `addresses` (address, names)."""
    return "".join(f"{address}\t{names}\n" for address, names in (*_LOCAL, *addresses))


def extra_hosts(entries: Iterable[str]) -> list[tuple[str, str]]:
    """`NAME:ADDRESS` as pairs; an IPv6 address may have brackets."""
    pairs = []
    for entry in entries:
        name, _, address = entry.partition(":")
        pairs.append((name, address.removeprefix("[").removesuffix("]")))
    return pairs


def resolver(container: Container, engine: EngineConfig, name_servers: Sequence[str]) -> str:
    """The container's resolv.conf. With `name_servers` of the engine these are all it asks; they pass questions on."""
    host_config = container.host_config
    search, options = host_config.dns_search or engine.dns_search, host_config.dns_options or engine.dns_opts
    servers = host_config.dns or engine.dns
    host = _text(_HOST_RESOLV_CONF)
    if name_servers:
        return resolv_conf_text(host, name_servers, search, _with_ndots(options))
    if host_config.network_mode != HOST:
        host = reachable_servers(host, _text(_RESOLVED))
    return resolv_conf_text(host, servers, search, options)


def _with_ndots(options: Sequence[str]) -> list[str]:
    """A name without a dot is asked for as it is first, as in Docker."""
    return [*options, *(() if any(option.startswith("ndots:") for option in options) else ("ndots:0",))]


def reachable_servers(host: str, resolved: str) -> str:
    """The `host`'s resolver configuration without servers on its loopback, which a container can't reach.

    With none left the public ones that Docker takes; `resolved` is the list of systemd-resolved.
    """
    if _servers(host) == [_STUB] and resolved:
        host = resolved
    kept = [line for line in host.splitlines() if not any(_is_loopback(server) for server in _servers(line))]
    if not _servers("\n".join(kept)):
        kept = [*(f"nameserver {server}" for server in _FALLBACK), *kept]
    return "".join(f"{line}\n" for line in kept)


def _servers(text: str) -> list[str]:
    words = [line.split() for line in text.splitlines()]
    return [line[1] for line in words if len(line) > 1 and line[0] == "nameserver"]


def _is_loopback(server: str) -> bool:
    try:
        return ipaddress.ip_address(server.partition("%")[0]).is_loopback
    except ValueError:
        return False


def resolv_conf_text(host: str, servers: Sequence[str], search: Sequence[str], options: Sequence[str]) -> str:
    """A resolver configuration: what is given, else the line of that kind from the `host`'s text.

    A search list of only `.` means none.
    """
    kept: dict[str, list[str]] = {"nameserver": [], "search": [], "options": []}
    for line in host.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] in kept and not line.lstrip().startswith(("#", ";")):
            kept[words[0]] = [*kept[words[0]], *words[1:]] if words[0] == "nameserver" else words[1:]
    wanted = [word for word in search or kept["search"] if word != "."]
    lines = [f"nameserver {server}" for server in servers or kept["nameserver"]]
    if wanted:
        lines.append("search " + " ".join(wanted))
    if options or kept["options"]:
        lines.append("options " + " ".join(options or kept["options"]))
    return "".join(f"{line}\n" for line in lines)


def _write_in_place(path: str, text: str) -> None:
    with open(path, "r+", encoding="utf-8", errors="replace") as file:
        file.write(text)
        file.truncate()


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_LIMIT)
    except OSError:
        return ""
