"""What daemon.json says about registries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """The keys of daemon.json that concern registries. `certificates` is a folder with a folder a registry."""

    mirrors: tuple[str, ...] = ()
    insecure: tuple[str, ...] = ()
    certificates: str = "/etc/isulad/certs.d"
    downloads: int = 3
    uploads: int = 5
    attempts: int = 5
