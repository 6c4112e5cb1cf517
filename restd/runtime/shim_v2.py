"""containerd's shim API v2 (`io.containerd.NAME.vN`): known by name, not part of this version.

Source: containerd, core/runtime/v2/README.md, on how a runtime's name becomes a shim's.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"io\.containerd\.[a-zA-Z0-9_-]+\.v[0-9]+")


def detect(runtime: str) -> bool:
    """Whether `runtime` names a shim v2."""
    return _NAME.fullmatch(runtime) is not None
