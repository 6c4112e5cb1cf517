"""A real registry (docker-registry, the distribution project) for one engine, inside its network namespace."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator

from tests import leftovers
from tests.engine import Engine
from tests.waiting import wait_until

USER, PASSWORD = "mary", "contrary"
# htpasswd -nbB mary contrary
_HTPASSWD = f"{USER}:$2b$05$S0u1bLUH.TE5NAXCJ.SRZeHcFOap56knEZW16ek9LO1bj6d4S8Ypm\n"


class Registry:
    """Where it is (`address`), and the folder it keeps its blobs in."""

    def __init__(self, address: str, folder: str) -> None:
        self.address, self.folder = address, folder

    def blobs(self) -> int:
        """How many blobs it has."""
        return sum("data" in files for _, _, files in os.walk(os.path.join(self.folder, "data")))


@contextlib.contextmanager
def running(
    engine: Engine, port: int = 5000, *, host: str = "127.0.0.1", users: bool = False, certificate: str = ""
) -> Iterator[Registry]:
    """Run one until the end of the context. `certificate`: a file with key and certificate; then it speaks TLS."""
    folder = os.path.join(engine.place, f"registry-{port}")
    os.makedirs(folder)
    config: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": os.path.join(folder, "data")}},
        "http": {"addr": f"{host}:{port}", "secret": "none"},
    }
    if certificate:
        config["http"] = {
            "addr": f"{host}:{port}",
            "secret": "none",
            "tls": {"certificate": certificate, "key": certificate},
        }
    if users:
        with open(os.path.join(folder, "htpasswd"), "w") as file:
            file.write(_HTPASSWD)
        config["auth"] = {"htpasswd": {"realm": "test", "path": os.path.join(folder, "htpasswd")}}
    with open(os.path.join(folder, "config.yml"), "w") as file:
        json.dump(config, file)
    with open(os.path.join(folder, "log"), "wb") as log:
        process = subprocess.Popen(
            [
                "nsenter",
                f"--net={leftovers.NETNS}/{engine.name}",
                "docker-registry",
                "serve",
                os.path.join(folder, "config.yml"),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: _listens(engine, port), what=f"the registry on port {port}")
        yield Registry(f"{host}:{port}", folder)
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder)


def _listens(engine: Engine, port: int) -> bool:
    done = subprocess.run(
        ["nsenter", f"--net={leftovers.NETNS}/{engine.name}", "ss", "-Hltn", f"sport = :{port}"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return bool(done.stdout.strip())
