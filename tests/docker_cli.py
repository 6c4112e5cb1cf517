"""The docker command line client against one engine."""

from __future__ import annotations

import os
import shutil
import subprocess

from tests.terminal import Terminal

DOCKER = shutil.which("docker") or ""


class DockerCli:
    """Runs `docker -H unix://SOCKET …` with an empty configuration folder."""

    def __init__(self, socket_path: str, config: str) -> None:
        self._base = [DOCKER, "-H", f"unix://{socket_path}"]
        kept = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")}
        self._environment = {**kept, "DOCKER_CONFIG": config}

    def __call__(self, *words: str, stdin: bytes = b"", timeout: float = 60) -> subprocess.CompletedProcess[bytes]:
        """Run to the end, whatever the exit code."""
        command = [*self._base, *words]
        return subprocess.run(
            command, input=stdin, capture_output=True, timeout=timeout, env=self._environment, check=False
        )

    def ok(self, *words: str, stdin: bytes = b"", timeout: float = 60) -> str:
        """Run, insist on exit code 0, return stdout without the white space around it."""
        done = self(*words, stdin=stdin, timeout=timeout)
        assert done.returncode == 0, f"docker {' '.join(words)}: {done.returncode}\n{done.stderr.decode()}"
        return done.stdout.decode().strip()

    def start(self, *words: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start with its output in pipes."""
        return subprocess.Popen(
            [*self._base, *words], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self._environment
        )

    def terminal(self, *words: str, rows: int = 24, columns: int = 80) -> Terminal:
        """Start in a terminal of its own."""
        return Terminal([*self._base, *words], self._environment, rows, columns)


def version() -> str:
    """The client's version, for the report's head."""
    if not DOCKER:
        return "none"
    done = subprocess.run([DOCKER, "--version"], capture_output=True, text=True, timeout=20, check=False)
    return done.stdout.strip()
