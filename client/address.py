"""Where the engine listens: `unix:///path`, `tcp://host:port`, from the command line or the environment."""

from __future__ import annotations

from client.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT = "unix:///run/isulad.sock"


class Address:
    """A parsed address: a socket's path, or a host and a port."""

    __slots__ = ("host", "path", "port", "text")

    def __init__(self, text: str, path: str = "", host: str = "", port: int = 0) -> None:
        self.text = text
        self.path = path
        self.host = host
        self.port = port


def choose(option: str, environment: Mapping[str, str]) -> str:
    """The address to use: `-H`, then ISULA_HOST, then DOCKER_HOST, then the default socket."""
    return option or environment.get("ISULA_HOST") or environment.get("DOCKER_HOST") or DEFAULT


def parse(text: str) -> Address:
    """Read an address; a bare absolute path is a unix socket. Raises UsageError."""
    if text.startswith("/"):
        text = "unix://" + text
    scheme, separator, rest = text.partition("://")
    if not separator or not rest:
        raise UsageError(f'invalid address "{text}": unix:///PATH or tcp://HOST:PORT is wanted')
    if scheme == "unix":
        if len(rest.encode()) > 107:
            raise UsageError(f'invalid address "{text}": a socket path has 107 bytes at most')
        return Address(text, path=rest)
    if scheme != "tcp":
        raise UsageError(f'invalid address "{text}": the scheme {scheme} is not supported, only unix and tcp are')
    host, _, port = rest.rstrip("/").rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise UsageError(f'invalid address "{text}": tcp://HOST:PORT is wanted')
    return Address(text, host=host[1:-1] if host.startswith("[") and host.endswith("]") else host, port=int(port))
