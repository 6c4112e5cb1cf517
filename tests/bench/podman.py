"""podman's Docker-compatible service as a peer of the bench."""

from __future__ import annotations

import shutil
from typing import Any

from tests.engine import Dockerd


class Podman(Dockerd):
    """Its daemon is one process that serves until it is stopped; there is no configuration file."""

    kind = "podman"

    def base_settings(self) -> dict[str, Any]:
        if shutil.which("podman") is None:
            raise FileNotFoundError("podman is not installed")
        return {}

    def command(self) -> list[str]:
        store = ["--root", self.root_dir, "--runroot", self.state_dir, "--cgroup-manager", "cgroupfs"]
        return ["podman", *store, "system", "service", "--time", "0", f"unix://{self.socket_path}"]
