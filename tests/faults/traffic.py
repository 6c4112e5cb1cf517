"""Clients that run containers without pause, each in its own way, and others that only ask, every five milliseconds.

None of them forgives anything: whatever a client sees but the right outcome is a failure.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.engine import Engine
from tests.wire import Wire, request, split_streams

ASK_SECONDS = 0.005
ENDING_SECONDS = 60.0


@dataclass
class Traffic:
    """Start it, let things happen, stop it; look at `failures`. `asked`: when a question was put, how long it took."""

    engine: Engine
    failures: list[str] = field(default_factory=list)
    runs: int = 0
    asked: list[tuple[float, float]] = field(default_factory=list)
    _done: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _kept: list[Wire] = field(default_factory=list)

    def start(self) -> None:
        """Eight clients that run containers, two that ask."""
        self._kept = kept = [Wire(self.engine.socket_path) for _ in range(3)]
        ways = [self.by_cli, self.by_cli, self.with_streams, self.with_streams, self.with_streams, self.plainly]
        ways += [self._on(kept[0], self.on_one_connection), self._on(kept[1], self.on_one_connection)]
        ways += [self.ask, self._on(kept[2], self.ask_on)]
        for way in ways:
            self._threads.append(threading.Thread(target=self._repeat, args=(way,), daemon=True))
            self._threads[-1].start()

    def stop(self) -> None:
        """Let each client end what it does."""
        self._done.set()
        for thread in self._threads:
            thread.join(ENDING_SECONDS)
            if thread.is_alive():
                self.failures.append("a client did not come to an end")
        for wire in self._kept:
            wire.close()

    def pause_since(self, moment: float) -> float:
        """The longest that a question took of those put since `moment` (time.monotonic)."""
        return max((took for begun, took in list(self.asked) if begun + took >= moment), default=0.0)

    def _repeat(self, way: Callable[[], None]) -> None:
        while not self._done.is_set():
            try:
                way()
            except Exception as error:
                self.failures.append(f"{error!r}"[:500])

    @staticmethod
    def _on(wire: Wire, way: Callable[[Wire], None]) -> Callable[[], None]:
        return lambda: way(wire)

    # -- the clients -------------------------------------------------------------------------------------------------

    def by_cli(self) -> None:
        """`docker run --rm`."""
        command = ["docker", "-H", f"unix://{self.engine.socket_path}", "run", "--rm", "--network", "none"]
        done = subprocess.run(
            [*command, "busybox", "sh", "-c", "echo hi; exit 3"], capture_output=True, timeout=60, check=False
        )
        assert (done.returncode, done.stdout) == (3, b"hi\n"), done
        self.runs += 1

    def with_streams(self) -> None:
        """create, attach, wait, start: the docker command's order, a connection each."""
        container = self.engine.create(["sh", "-c", "echo hi; exit 3"])
        with self.engine.attach(container) as stream, self.engine.wire() as waiter:
            waiter.send(request("POST", f"/containers/{container}/wait?condition=next-exit", b""))
            assert waiter.head().status == 200
            self.engine.start(container)
            assert split_streams(stream.rest())[0] == b"hi\n"
            assert json.loads(b"".join(waiter.chunks()))["StatusCode"] == 3
        self.engine.remove(container)
        self.runs += 1

    def plainly(self) -> None:
        """create, start, exec, wait, remove."""
        container = self.engine.create(["sh", "-c", "read x; exit 3"], OpenStdin=True, StdinOnce=True)
        self.engine.start(container)
        outcome = self.engine.exec(container, ["echo", "hi"])
        assert (outcome.code, outcome.stdout) == (0, b"hi\n"), outcome
        with self.engine.attach(container, stream=1, stdin=1) as stdin:
            stdin.send(b"\n")
        assert self.engine.wait(container) == 3
        self.engine.remove(container)
        self.runs += 1

    def on_one_connection(self, wire: Wire) -> None:
        """create, start, inspect, remove, all on a connection that is kept."""

        def call(method: str, path: str, body: object = None) -> bytes:
            data = None if method == "GET" else json.dumps(body).encode() if body else b""
            wire.send(request(method, path, data, {"Content-Type": "application/json"}))
            reply = wire.answer()
            assert reply.status < 300, (method, path, reply)
            return reply.body

        made = call("POST", "/containers/create", self.engine.create_body(["sleep", "1000"], None, {}))
        container = json.loads(made)["Id"]
        call("POST", f"/containers/{container}/start")
        assert json.loads(call("GET", f"/containers/{container}/json"))["State"]["Running"]
        call("DELETE", f"/containers/{container}?force=1")
        self.runs += 1

    def ask(self) -> None:
        """Connect and ask."""
        with Wire(self.engine.socket_path) as wire:
            self.ask_on(wire)

    def ask_on(self, wire: Wire) -> None:
        """Ask on a connection that is kept."""
        begun = time.monotonic()
        wire.send(request("GET", "/_ping"))
        assert wire.answer().status == 200
        self.asked.append((begun, time.monotonic() - begun))
        time.sleep(ASK_SECONDS)
