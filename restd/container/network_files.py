"""`/etc/hostname`, `/etc/hosts`, `/etc/resolv.conf` of a container, as Docker writes them. Texts are made by pure code.

They lie in the container's folder and are mounted over the image's at start. Sources: hosts(5), resolv.conf(5).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from restd.config import Config as EngineConfig
from restd.lib.files import write_atomically
from restd.model.container import Container
from restd.oci.namespaces import HOST

HOSTNAME, HOSTS, RESOLV_CONF = "hostname", "hosts", "resolv.conf"
TARGETS = {"/etc/hostname": HOSTNAME, "/etc/hosts": HOSTS, "/etc/resolv.conf": RESOLV_CONF}
_LOCAL = (
    ("127.0.0.1", "localhost"),
    ("::1", "localhost ip6-localhost ip6-loopback"),
    ("fe00::", "ip6-localnet"),
    ("ff00::", "ip6-mcastprefix"),
    ("ff02::1", "ip6-allnodes"),
    ("ff02::2", "ip6-allrouters"),
)
_HOST_HOSTS, _HOST_RESOLV_CONF = "/etc/hosts", "/etc/resolv.conf"
_LIMIT = 1 << 20


def write_network_files(container: Container, engine: EngineConfig, donor: Container | None) -> dict[str, str]:
    """Write the three files; which host file belongs at which path of the container.

    With `donor`, the container whose network is joined, its files are used as they are.
    """
    if donor is not None:
        return {target: f"{donor.directory}/{name}" for target, name in TARGETS.items()}
    host_config = container.host_config
    on_host = host_config.network_mode == HOST
    hosts = _text(_HOST_HOSTS) if on_host else hosts_text(())
    hosts += "".join(f"{address}\t{name}\n" for name, address in extra_hosts(host_config.extra_hosts or ()))
    own = resolv_conf_text(
        _text(_HOST_RESOLV_CONF),
        host_config.dns or engine.dns,
        host_config.dns_search or engine.dns_search,
        host_config.dns_options or engine.dns_opts,
    )
    name = container.config.hostname
    if container.config.domainname:
        name += f".{container.config.domainname}"
    for file, text in ((HOSTNAME, f"{name}\n"), (HOSTS, hosts), (RESOLV_CONF, own)):
        path = f"{container.directory}/{file}"
        write_atomically(path, text.encode(), 0o644, durable=False)
        os.chmod(path, 0o644)  # the daemon's umask must not take it from the container's users
    return {target: f"{container.directory}/{name}" for target, name in TARGETS.items()}


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


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_LIMIT)
    except OSError:
        return ""
