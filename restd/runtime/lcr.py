"""iSulad's own runtime, `lcr` on top of lxc: known by name, not part of this version."""

from __future__ import annotations

NAME = "lcr"


def detect(runtime: str) -> bool:
    """Whether `runtime` asks for lcr."""
    return runtime == NAME
