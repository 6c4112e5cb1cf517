"""What is measured: each figure is a function from an engine to numbers, the same work on every engine."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tests.calls import Calls, Refused
from tests.engine import Engine, proportional_memory
from tests.leftovers import NETNS
from tests.waiting import wait_until
from tests.wire import Wire, request

MEBI = 1 << 20
SLEEP = ("sleep", "1000")
LINE = "0123456789" * 6 + "01234"
OUTPUT: dict[str, Any] = {"stream": 1, "stdout": 1, "stderr": 1}


@dataclass(frozen=True)
class Figure:
    """A measurement. `units` names what `measure` returns; `rounds` is how often at most (it may be slow)."""

    name: str
    units: Mapping[str, str]
    measure: Callable[[Engine], Mapping[str, float]]
    rounds: int = 100


def less_is_better(unit: str) -> bool:
    """Times and sizes; rates are the other way round."""
    return unit in ("ms", "MiB")


def connection(engine: Calls) -> Callable[..., bytes]:
    """A caller on one kept connection: (method, path) -> body. The engine's `Refused` for anything but 2xx."""
    wire = engine.wire(60)

    def ask(method: str, path: str) -> bytes:
        wire.send(request(method, path))
        reply = wire.answer()
        if reply.status >= 300:
            raise Refused(path, reply)
        return reply.body

    return ask


def drain(wire: Wire, want: int | None = None) -> int:
    """Read to the end of the stream, or until `want` bytes came; returns how many."""
    buffer = bytearray(MEBI)
    total = len(wire.take(0))
    while want is None or total < want:
        got = wire.socket.recv_into(buffer)
        if not got:
            break
        total += got
    return total


@contextmanager
def removed(engine: Engine, container: str) -> Iterator[str]:
    """Remove the container at the end, whatever happened."""
    try:
        yield container
    finally:
        engine.remove(container)


def run(engine: Engine) -> dict[str, float]:
    """create, attach, start, read, wait, remove: what `docker run --rm` does."""
    begun = time.perf_counter()
    outcome = engine.run(["echo", "hi"])
    took = time.perf_counter() - begun
    assert (outcome.code, outcome.stdout) == (0, b"hi\n"), outcome
    return {"run": took * 1000}


def create_start(engine: Engine) -> dict[str, float]:
    begun = time.perf_counter()
    container = engine.running(SLEEP)
    took = time.perf_counter() - begun
    engine.remove(container)
    return {"create+start": took * 1000}


def execute(engine: Engine, count: int = 5) -> dict[str, float]:
    with removed(engine, engine.running(SLEEP)) as container:
        begun = time.perf_counter()
        for _ in range(count):
            outcome = engine.exec(container, ["echo", "hi"])
            assert (outcome.code, outcome.stdout) == (0, b"hi\n"), outcome
        return {"exec": (time.perf_counter() - begun) / count * 1000}


def stream(engine: Engine, log: str, size: int) -> float:
    """MB/s from a container's stdout to one attached client."""
    script = f"read x; dd if=/dev/zero bs=64k count={size // 65536} 2>/dev/null"
    container = engine.create(["sh", "-c", script], OpenStdin=True, host={"LogConfig": {"Type": log, "Config": {}}})
    with removed(engine, container), engine.attach(container, timeout=120, **OUTPUT, stdin=1) as wire:
        engine.start(container)
        begun = time.perf_counter()
        wire.send(b"\n")
        got = drain(wire)
        took = time.perf_counter() - begun
        assert got >= size, f"{got} bytes of {size}"
    return size / took / 1e6


def attach(engine: Engine) -> dict[str, float]:
    return {"attach": stream(engine, "none", 512 * MEBI)}


def attach_with_log(engine: Engine) -> dict[str, float]:
    return {"attach, json-file": stream(engine, "json-file", 64 * MEBI)}


def logs(engine: Engine, lines: int = 300_000) -> dict[str, float]:
    container = engine.create(["sh", "-c", f"yes {LINE} | head -n {lines}"])
    with removed(engine, container):
        begun = time.perf_counter()
        engine.start(container)
        engine.wait(container)
        written = time.perf_counter() - begun
        begun = time.perf_counter()
        with engine.wire(120) as wire:
            wire.send(request("GET", f"/containers/{container}/logs?stdout=1&stderr=1"))
            assert wire.head().status == 200
            got = 0
            ending = b""
            while not ending.endswith(b"0\r\n\r\n"):
                data = wire.socket.recv(MEBI)
                assert data, "the log ended early"
                got += len(data)
                ending = (ending + data)[-8:]
        read = time.perf_counter() - begun
    assert got >= lines * (len(LINE) + 1), got
    return {"log lines written": lines / written, "log lines read": lines / read}


def rate(engine: Engine, path: str, seconds: float = 2.0, clients: int = 3) -> float:
    """Answers a second over kept connections."""
    end = time.perf_counter() + seconds

    def work(_: int) -> int:
        ask = connection(engine)
        count = 0
        while time.perf_counter() < end:
            ask("GET", path)
            count += 1
        return count

    with ThreadPoolExecutor(clients) as pool:
        return sum(pool.map(work, range(clients))) / seconds


def lists(engine: Engine, count: int = 200) -> dict[str, float]:
    created = [engine.create(["true"]) for _ in range(count)]
    try:
        return {
            "list of 200": rate(engine, "/containers/json?all=1"),
            "inspect": rate(engine, f"/containers/{created[0]}/json"),
            "ping": rate(engine, "/_ping"),
        }
    finally:
        for container in created:
            engine.remove(container)


def burst(engine: Engine, count: int = 40, clients: int = 8) -> dict[str, float]:
    with ThreadPoolExecutor(clients) as pool:
        begun = time.perf_counter()
        created = list(pool.map(lambda _: engine.running(SLEEP), range(count)))
        started = time.perf_counter()
        list(pool.map(engine.remove, created))
        ended = time.perf_counter()
    return {"starts, 8 at once": count / (started - begun), "removals, 8 at once": count / (ended - started)}


def restore(engine: Engine, created: int = 200, running: int = 60, rounds: int = 3) -> dict[str, float]:
    """From the exec of the daemon to its first answer, with so many containers there."""
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: engine.create(["true"]), range(created)))
        made += pool.map(lambda _: engine.running(SLEEP), range(running))
    times = []
    try:
        for _ in range(rounds):
            engine.stop_daemon()
            begun = time.perf_counter()
            engine.spawn()
            while not engine.answers():
                assert time.perf_counter() - begun < 60, "no answer within 60 s"
                time.sleep(0.002)
            times.append(time.perf_counter() - begun)
    finally:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(engine.remove, made))
    return {"restore": statistics.median(times) * 1000}


def own_processes(engine: Engine) -> list[int]:
    """The daemon's and its shims' processes: all in the engine's network namespace. Containers have their own."""
    namespace = os.stat(f"{NETNS}/{engine.name}").st_ino
    found = []
    for entry in os.listdir("/proc"):
        with suppress(OSError):
            if entry.isdigit() and os.stat(f"/proc/{entry}/ns/net").st_ino == namespace:
                found.append(int(entry))
    return found


def _settle(engine: Engine) -> None:
    """Wait until no process comes or goes: runtimes that are just leaving would be counted."""
    last: list[int] = []

    def settled() -> bool:
        nonlocal last
        previous, last = last, sorted(own_processes(engine))
        time.sleep(0.2)  # the time between two looks
        return previous == last == sorted(own_processes(engine))

    wait_until(settled, 20)


def memory(engine: Engine, count: int = 30) -> dict[str, float]:
    """PSS of all that is the engine's, and what each running container adds to it; the container's own left out."""
    _settle(engine)
    idle = proportional_memory(own_processes(engine))
    created = [engine.running(SLEEP) for _ in range(count)]
    try:
        _settle(engine)
        busy = proportional_memory(own_processes(engine))
    finally:
        for container in created:
            engine.remove(container)
    return {"idle memory": idle / 1024, "memory a container": (busy - idle) / count / 1024}


FIGURES = (
    Figure("memory", {"idle memory": "MiB", "memory a container": "MiB"}, memory, rounds=2),
    Figure("run", {"run": "ms"}, run),
    Figure("start", {"create+start": "ms"}, create_start),
    Figure("exec", {"exec": "ms"}, execute),
    Figure("attach", {"attach": "MB/s"}, attach, rounds=3),
    Figure("attach-log", {"attach, json-file": "MB/s"}, attach_with_log, rounds=3),
    Figure("logs", {"log lines written": "/s", "log lines read": "/s"}, logs, rounds=3),
    Figure("list", {"list of 200": "/s", "inspect": "/s", "ping": "/s"}, lists, rounds=1),
    Figure("restore", {"restore": "ms"}, restore, rounds=1),
    Figure("burst", {"starts, 8 at once": "/s", "removals, 8 at once": "/s"}, burst, rounds=3),
)
