"""Where a registry is: mirrors, schemes, certificates, proxies. Docker's rules (`dockerd`, "insecure-registries").

https with the system's authorities and those of CERTS/HOST[:PORT]/*.crt; NAME.cert with NAME.key there are shown
a registry that asks who its client is
an insecure registry: https whatever its certificate says, then plain http; loopback addresses are insecure
docker.io: the mirrors of `registry-mirrors` in order, then registry-1.docker.io
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from restd.errors import SystemFailure
from restd.image.references import DEFAULT_DOMAIN
from restd.image.registry.settings import RegistrySettings

HUB = "https://registry-1.docker.io"
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address to try: `https://HOST[:PORT]`, without a slash at the end. `official`: the registry, no mirror."""

    url: str
    verify: bool = True
    official: bool = True

    @property
    def host(self) -> str:
        """`HOST[:PORT]`."""
        return urlsplit(self.url).netloc


def endpoints_of(domain: str, settings: RegistrySettings) -> list[Endpoint]:
    """What to ask for a repository of `domain`, in order."""
    if domain == DEFAULT_DOMAIN:
        mirrors = [mirror.rstrip("/") for mirror in settings.mirrors]
        found = []
        for mirror in mirrors:
            verify = not is_insecure(urlsplit(mirror).netloc, settings.insecure)
            found.append(Endpoint(mirror, verify=verify, official=False))
        return [*found, Endpoint(HUB)]
    if not is_insecure(domain, settings.insecure):
        return [Endpoint(f"https://{domain}")]
    return [Endpoint(f"https://{domain}", verify=False), Endpoint(f"http://{domain}", verify=False)]


def is_insecure(host: str, insecure: Sequence[str]) -> bool:
    """Whether `HOST[:PORT]` may be talked to without checking who it is: by name, by network, or on loopback."""
    name = urlsplit(f"//{host}").hostname or ""
    if host in insecure or name in insecure or name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    networks = [*_LOOPBACK]
    for entry in insecure:
        try:
            networks.append(ipaddress.ip_network(entry, strict=False))
        except ValueError:
            continue
    return any(address in network for network in networks if network.version == address.version)


def tls_context(endpoint: Endpoint, certificates: str) -> ssl.SSLContext:
    """How to talk TLS to an endpoint. SystemFailure naming the file if one in its folder is no certificate or key."""
    context = ssl.create_default_context()
    if not endpoint.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    folder = os.path.join(certificates, endpoint.host)
    try:
        names = sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return context
    for name in names:
        path = os.path.join(folder, name)
        try:
            if name.endswith(".crt"):
                context.load_verify_locations(path)
            elif name.endswith(".cert"):
                key = path.removesuffix(".cert") + ".key"
                if not os.path.exists(key):
                    raise SystemFailure(f"missing key {key} for client certificate {path}")
                context.load_cert_chain(path, key)
        except (ssl.SSLError, OSError) as error:
            raise SystemFailure(f"cannot use {path}: {error}") from error
    return context


def proxy_of(endpoint: Endpoint) -> str | None:
    """The proxy that the daemon's environment names (HTTP_PROXY, HTTPS_PROXY, NO_PROXY), or None."""
    parts = urlsplit(endpoint.url)
    bypassed = urllib.request.proxy_bypass_environment(parts.netloc)  # type: ignore[attr-defined] # no stub has it
    if bypassed or is_insecure(parts.netloc, ()):
        return None
    return urllib.request.getproxies_environment().get(parts.scheme)
