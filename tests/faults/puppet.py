"""A runtime on strings: runc, but for the verbs that a test makes hang, fail or talk nonsense."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

from tests.engine import Engine

NAME = "puppet"
START_TIMEOUT = 2
_SCRIPT = """#!/bin/sh
for word; do
    case $word in create|start|kill|delete|state|exec|ps|pause|resume) break;; esac
done
if [ -e {strings}/hang-$word ]; then echo "$$" >> {strings}/hung; sleep 1000; fi
while [ -e {strings}/hold-$word ]; do touch {strings}/held-$word; sleep 0.02; done
if [ -e {strings}/babble-$word ]; then
    head -c 100000 /dev/urandom
    head -c 30000 /dev/urandom >&2
    exit "$(cat {strings}/babble-$word)"
fi
exec {runc} "$@"
"""


class Puppet:
    """The program, and the files that are its strings: `hang`, `hold` (until let go), `babble`."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.program = f"{folder}/{NAME}"
        os.makedirs(folder, exist_ok=True)
        self.repair()

    def repair(self) -> None:
        """Put the program in its place."""
        with open(self.program, "w") as file:
            file.write(_SCRIPT.format(strings=self._folder, runc=shutil.which("runc")))
        os.chmod(self.program, 0o755)

    def pull(self, string: str, content: str = "") -> None:
        """As `hang-create`."""
        with open(f"{self._folder}/{string}", "w") as file:
            file.write(content)

    def release(self, string: str) -> None:
        """Let go."""
        os.unlink(f"{self._folder}/{string}")

    def pulled(self, string: str) -> bool:
        """Whether the program has come to it, as `held-create`."""
        return os.path.exists(f"{self._folder}/{string}")


def engine_with(make_engine: Callable[..., Engine], archive: str) -> tuple[Engine, Puppet]:
    """A started engine with the image, and its puppet."""
    settings: dict[str, Any] = {"start-timeout": START_TIMEOUT}
    engine = make_engine(settings)
    puppet = Puppet(f"{engine.place}/puppet")
    engine.settings["runtimes"] = {NAME: {"path": puppet.program}}
    engine.write_settings()
    engine.start_daemon()
    engine.load_image(archive)
    return engine, puppet
