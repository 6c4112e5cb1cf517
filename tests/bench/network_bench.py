"""What containers with a network are measured by: what a network adds to a run, and how fast its bytes are."""

from __future__ import annotations

import time
from typing import Any

from tests.bench.engine_bench import SLEEP, Figure, removed
from tests.engine import Engine
from tests.sockets import draining, pour

_PORT = 5001
_SECONDS = 1.5
_PUBLISHED: dict[str, Any] = {f"{_PORT}/tcp": [{"HostIp": "0.0.0.0", "HostPort": ""}]}
_EXPOSED: dict[str, Any] = {f"{_PORT}/tcp": {}}
"""dockerd publishes only what is exposed too."""


def _run(engine: Engine, **host: Any) -> float:
    """create, attach, start, read, wait, remove; milliseconds."""
    begun = time.perf_counter()
    outcome = engine.run(["echo", "hi"], host={"NetworkMode": "bridge", **host}, ExposedPorts=_EXPOSED)
    took = time.perf_counter() - begun
    assert (outcome.code, outcome.stdout) == (0, b"hi\n"), outcome
    return took * 1000


def run_bridge(engine: Engine) -> dict[str, float]:
    return {"run, bridge": _run(engine)}


def run_port(engine: Engine) -> dict[str, float]:
    return {"run, published port": _run(engine, PortBindings=_PUBLISHED)}


def start_bridge(engine: Engine) -> dict[str, float]:
    begun = time.perf_counter()
    container = engine.running(SLEEP, host={"NetworkMode": "bridge"})
    took = time.perf_counter() - begun
    engine.remove(container)
    return {"create+start, bridge": took * 1000}


def crowd(engine: Engine, count: int = 100) -> dict[str, float]:
    """One after the other on one network: what the last five took, compared with the first five."""
    created, times = [], []
    try:
        for _ in range(count):
            created.append(engine.create(SLEEP, host={"NetworkMode": "bridge"}))
            begun = time.perf_counter()
            engine.start(created[-1])
            times.append((time.perf_counter() - begun) * 1000)
    finally:
        for container in created:
            engine.remove(container)
    return {"start, 1st of 100": sorted(times[:5])[2], "start, 100th": sorted(times[-5:])[2]}


def throughput(engine: Engine) -> dict[str, float]:
    """One TCP connection: from a container to another, and from the host to a published port."""
    host = {"NetworkMode": "bridge", "PortBindings": _PUBLISHED}
    with (
        removed(engine, engine.running(SLEEP, host=host, ExposedPorts=_EXPOSED)) as one,
        removed(engine, engine.running(SLEEP, host={"NetworkMode": "bridge"})) as two,
    ):
        settings = engine.inspect(one)["NetworkSettings"]
        port = int(settings["Ports"][f"{_PORT}/tcp"][0]["HostPort"])
        other = engine.inspect(two)["NetworkSettings"]["SandboxKey"]
        with draining(settings["SandboxKey"], "0.0.0.0", _PORT):
            return {
                "container to container": pour(other, settings["IPAddress"], _PORT, _SECONDS),
                "host to published port": pour(engine.name, settings["Gateway"], port, _SECONDS),
                "host's loopback to published port": pour(engine.name, "127.0.0.1", port, _SECONDS),
            }


FIGURES = (
    Figure("run-bridge", {"run, bridge": "ms"}, run_bridge),
    Figure("run-port", {"run, published port": "ms"}, run_port),
    Figure("start-bridge", {"create+start, bridge": "ms"}, start_bridge),
    Figure("crowd", {"start, 1st of 100": "ms", "start, 100th": "ms"}, crowd, rounds=1),
    Figure(
        "throughput",
        dict.fromkeys(
            ("container to container", "host to published port", "host's loopback to published port"), "MB/s"
        ),
        throughput,
        rounds=3,
    ),
)
