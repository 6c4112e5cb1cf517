"""Credentials for registries: docker's own config.json, its helpers, and the header that the engine takes.

A helper is a program `docker-credential-NAME` that speaks JSON on stdin and stdout
(https://github.com/docker/docker-credential-helpers): secrets are never on its command line.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess

from client.errors import ClientError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HUB = "https://index.docker.io/v1/"
_HELPER_SECONDS = 60
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_NOT_THERE = "credentials not found in native keychain"


def registry_of(image: str) -> str:
    """The registry that an image's name means, as credentials are kept for it."""
    first, slash, _ = image.partition("/")
    if not slash or ("." not in first and ":" not in first and first != "localhost"):
        return HUB
    return HUB if first in ("docker.io", "index.docker.io") else first


def address_of(server: str) -> str:
    """What a person calls a registry, as credentials are kept for it."""
    host = server.removeprefix("https://").removeprefix("http://").rstrip("/")
    if not host or host.partition("/")[0] in ("docker.io", "index.docker.io", "registry-1.docker.io"):
        return HUB
    return host


class Credentials:
    """The config.json of one user. `folder` is DOCKER_CONFIG, or `.docker` in the home."""

    def __init__(self, folder: str = "") -> None:
        folder = folder or os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
        self._path = os.path.join(folder, "config.json")

    def _read(self) -> dict[str, Any]:
        try:
            with open(self._path, "rb") as file:
                value = json.load(file)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise ClientError(f"{self._path} can't be read: {error}") from error
        return value if isinstance(value, dict) else {}

    def _write(self, value: dict[str, Any]) -> None:
        os.makedirs(os.path.dirname(self._path), 0o700, exist_ok=True)
        part = f"{self._path}.{os.getpid()}"
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(value, file, indent=1)
        os.replace(part, self._path)

    @staticmethod
    def _helper(config: dict[str, Any], registry: str) -> str:
        helpers = config.get("credHelpers")
        name = (helpers.get(registry) if isinstance(helpers, dict) else "") or config.get("credsStore") or ""
        if name and not (isinstance(name, str) and _NAME.fullmatch(name)):
            raise ClientError(f"invalid credential helper {name!r}")
        return str(name)

    def find(self, registry: str) -> dict[str, str]:
        """AuthConfig for a registry; empty if there is none."""
        config = self._read()
        if helper := self._helper(config, registry):
            return _from_helper(helper, registry)
        auths = config.get("auths")
        entries = auths if isinstance(auths, dict) else {}
        for key, entry in entries.items():
            if isinstance(entry, dict) and address_of(key) == registry:
                return _unpacked(entry, registry)
        return {}

    def header(self, registry: str) -> str:
        """`X-Registry-Auth` for a registry."""
        value = json.dumps(self.find(registry)).encode()
        return base64.urlsafe_b64encode(value).decode()

    def store(self, registry: str, user: str, secret: str) -> None:
        """Keep credentials, with the helper if there is one."""
        config = self._read()
        if helper := self._helper(config, registry):
            _ask(helper, "store", json.dumps({"ServerURL": registry, "Username": user, "Secret": secret}))
            config.setdefault("auths", {})[registry] = {}
        else:
            packed = base64.b64encode(f"{user}:{secret}".encode()).decode()
            config.setdefault("auths", {})[registry] = {"auth": packed}
        self._write(config)

    def erase(self, registry: str) -> bool:
        """Forget credentials; whether there were any."""
        config = self._read()
        helper = self._helper(config, registry)
        if helper:
            _ask(helper, "erase", registry)
        known = config.get("auths")
        if not isinstance(known, dict) or registry not in known:
            return bool(helper)
        del known[registry]
        self._write(config)
        return True


def _unpacked(entry: dict[str, Any], registry: str) -> dict[str, str]:
    found = {"serveraddress": registry}
    if isinstance(packed := entry.get("auth"), str) and packed:
        try:
            user, _, secret = base64.b64decode(packed).decode().partition(":")
        except ValueError as error:
            raise ClientError(f"the credentials for {registry} can't be read: log in again") from error
        found |= {"username": user, "password": secret}
    if isinstance(token := entry.get("identitytoken"), str) and token:
        found["identitytoken"] = token
    return found


def _from_helper(helper: str, registry: str) -> dict[str, str]:
    answer = _ask(helper, "get", registry)
    if answer is None:
        return {}
    try:
        value = json.loads(answer)
        user, secret = str(value["Username"]), str(value["Secret"])
    except (ValueError, KeyError, TypeError) as error:
        raise ClientError(f"docker-credential-{helper} answers with no credentials") from error
    if user == "<token>":
        return {"serveraddress": registry, "identitytoken": secret}
    return {"serveraddress": registry, "username": user, "password": secret}


def _ask(helper: str, verb: str, text: str) -> str | None:
    """What a helper answers; None if it knows nothing."""
    program = f"docker-credential-{helper}"
    try:
        done = subprocess.run(
            [program, verb], input=text, capture_output=True, text=True, timeout=_HELPER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClientError(f"{program}: {error}") from error
    if done.returncode:
        if _NOT_THERE in done.stdout + done.stderr:
            return None
        raise ClientError(f"{program} {verb}: {(done.stdout + done.stderr).strip()[:300]}")
    return done.stdout
