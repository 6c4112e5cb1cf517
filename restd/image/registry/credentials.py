"""Whom a registry hears: the forms in which clients send credentials. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LONGEST = 64 << 10
_LEGACY_HUB = "https://index.docker.io/v1/"


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What a client knows for one registry; all empty for an anonymous one. Its repr shows nothing of it."""

    username: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""

    @property
    def anonymous(self) -> bool:
        """Whether there is nothing to show a registry."""
        return not (self.username or self.identity_token or self.registry_token)

    @property
    def basic(self) -> str:
        """The value of `Authorization` for basic authentication; empty without a name."""
        if not self.username:
            return ""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


ANONYMOUS = Credentials()


def credentials_of(value: object) -> Credentials:
    """Docker's AuthConfig object; whatever is no such object is anonymous."""
    if not isinstance(value, Mapping):
        return ANONYMOUS

    def text(key: str) -> str:
        found = value.get(key)
        return found if isinstance(found, str) else ""

    username, password = text("username"), text("password")
    if not username and (packed := text("auth")):
        username, _, password = _unbase64(packed).decode(errors="replace").partition(":")
        password = password.rstrip("\0")
    return Credentials(username, password, text("identitytoken"), text("registrytoken"))


def decode_auth(header: str) -> Credentials:
    """`X-Registry-Auth`: base64 of AuthConfig, either alphabet, padded or not. Garbage is anonymous, as in Docker."""
    return credentials_of(_decode(header))


def decode_auths(header: str) -> dict[str, Credentials]:
    """`X-Registry-Config`: base64 of a map from registry to AuthConfig; the keys are host names here."""
    value = _decode(header)
    if not isinstance(value, Mapping):
        return {}
    return {registry_host(str(key)): credentials_of(entry) for key, entry in value.items()}


def registry_host(key: str) -> str:
    """The registry that a key of docker's config.json means: `https://index.docker.io/v1/` is `docker.io`."""
    if key == _LEGACY_HUB:
        return "docker.io"
    host = key.removeprefix("https://").removeprefix("http://").partition("/")[0]
    return "docker.io" if host in ("index.docker.io", "registry-1.docker.io") else host


def _decode(header: str) -> Any:
    if not header or len(header) > _LONGEST:
        return None
    try:
        return json.loads(_unbase64(header))
    except (ValueError, RecursionError):
        return None


def _unbase64(text: str) -> bytes:
    plain = text.strip().replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
