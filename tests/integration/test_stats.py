"""What containers use, as clients compute it."""

from __future__ import annotations

import json
from typing import Any

import docker
import pytest

from tests.docker_cli import DockerCli
from tests.engine import Engine
from tests.wire import request

pytestmark = [pytest.mark.root, pytest.mark.peer]

BUSY = ("sh", "-c", "while :; do :; done")


def once(engine: Engine, container: str, **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = engine.get(f"/containers/{container}/stats", stream=0, **query)
    return found


def share(stats: dict[str, Any]) -> float:
    """CPU per cent as the docker command computes it."""
    now, before = stats["cpu_stats"], stats["precpu_stats"]
    used = now["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    passed = now["system_cpu_usage"] - before["system_cpu_usage"]
    return float(used / passed * now["online_cpus"] * 100)


def test_one_reading_with_another_before_it(engine: Engine, runtime: str) -> None:
    container = engine.running(BUSY, name="busy", host={"Memory": 64 << 20, "PidsLimit": 50})
    found = once(engine, container)
    assert (found["name"], found["id"], found["num_procs"]) == ("/busy", container, 0)
    assert found["preread"] < found["read"] and 0 < share(found) < 250
    assert found["pids_stats"] == {"current": 1, "limit": 50}
    assert 0 < found["memory_stats"]["usage"] < found["memory_stats"]["limit"] == 64 << 20
    assert "networks" not in found
    quick = once(engine, container, **{"one-shot": 1})
    assert quick["preread"] == "0001-01-01T00:00:00Z" and quick["precpu_stats"]["cpu_usage"]["total_usage"] == 0
    reply = engine.ask("GET", f"/containers/{container}/stats?stream=1&one-shot=1")
    assert (reply.status, reply.message) == (400, "cannot have stream=true and one-shot=true")


def test_what_does_not_run_has_zeros(engine: Engine) -> None:
    container = engine.create(["true"], name="idle")
    found = once(engine, container)
    assert (found["name"], found["read"], found["memory_stats"]) == ("/idle", "0001-01-01T00:00:00Z", {})
    assert engine.ask("GET", "/containers/nobody/stats").status == 404


def test_the_stream_goes_on_through_stops_and_ends_with_the_removal(engine: Engine) -> None:
    container = engine.running(BUSY)
    with engine.wire() as wire:
        wire.send(request("GET", f"/containers/{container}/stats"))
        assert wire.head().status == 200
        lines = (json.loads(chunk) for chunk in wire.chunks())
        first, second = next(lines), next(lines)
        assert first["preread"] == "0001-01-01T00:00:00Z" and second["preread"] == first["read"]
        assert 0 < share(second) < 250
        engine.post(f"/containers/{container}/stop", t=0)
        assert any(line["memory_stats"] == {} for _, line in zip(range(3), lines, strict=False))
        engine.start(container)
        assert any(line["memory_stats"] != {} for _, line in zip(range(3), lines, strict=False))
        engine.remove(container)
        assert len(list(lines)) <= 2


def test_the_docker_command_and_docker_py(engine: Engine, cli: DockerCli, client: docker.DockerClient) -> None:
    engine.running(BUSY, name="busy", host={"Memory": 64 << 20})
    line = cli.ok("stats", "--no-stream", "--format", "{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}", "busy").split()
    assert line[0] == "busy" and float(line[1].rstrip("%")) > 0 and line[4:] == ["64MiB", "1"]
    assert client.containers.get("busy").stats(stream=False)["pids_stats"]["current"] == 1
    readings = client.containers.get("busy").stats(decode=True)
    assert [next(readings)["name"] for _ in range(2)] == ["/busy", "/busy"]
    readings.close()
