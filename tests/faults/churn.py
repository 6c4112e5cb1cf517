"""Clients that do everything to containers at once, and a ledger of what the daemon has promised them.

A promise is an answer: 201 to a create, 204 to a removal, a start or a rename. What was asked but not answered when the
daemon died may have happened or not; what was answered must be so afterwards.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.calls import encode
from tests.engine import Engine
from tests.wire import UPGRADE, Reply, post_json, request, split_streams

CLIENTS = 8
MOST = 12
"""Containers at a time."""
ENDED = (OSError, EOFError, ValueError)
"""What a client sees of a daemon that dies in the middle of an answer."""


@dataclass
class Known:
    """What clients know of one container. `names` it may have: several while a rename is not answered.

    `story`: what was asked of it and answered, for the report of a failure.
    """

    names: set[str]
    auto_remove: bool
    started: bool = False
    start_asked: bool = False
    removal_asked: bool = False
    removed: bool = False
    renaming: bool = False
    story: list[str] = field(default_factory=list)


@dataclass
class Ledger:
    """What was promised, and answers that should never be."""

    containers: dict[str, Known] = field(default_factory=dict)
    past: dict[str, Known] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    calls: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, key: str, line: str) -> None:
        """Add to a container's story."""
        known = self.containers.get(key) or self.past.get(key)
        if known is not None:
            known.story.append(f"{time.strftime('%H:%M:%S')} {line}")

    def stories(self, text: str) -> list[list[str]]:
        """Those of the containers whose id is in `text`."""
        return [known.story for key, known in {**self.containers, **self.past}.items() if key[:12] in text]

    def broken(self, listed: dict[str, dict[str, Any]]) -> list[str]:
        """Promises that a list of all containers (by id) does not keep."""
        wrong = []
        for key, known in self.containers.items():
            row = listed.get(key)
            short = key[:12]
            if row is None:
                if not known.removal_asked and not (known.auto_remove and known.start_asked):
                    wrong.append(f"{short} was created and is gone")
                continue
            if known.removed:
                wrong.append(f"{short} was removed and is listed as {row['Status']}")
            if row["Names"][0].removeprefix("/") not in known.names:
                wrong.append(f"{short} is called {row['Names']}, not one of {known.names}")
            if known.started and row["State"] == "created":
                wrong.append(f"{short} was started and is listed as created")
        return wrong

    def settle(self, listed: dict[str, dict[str, Any]]) -> None:
        """After a restart: take what is for what was meant."""
        for key in list(self.containers):
            if key in listed:
                known = self.containers[key]
                known.names, known.renaming = {listed[key]["Names"][0].removeprefix("/")}, False
                known.removal_asked = False
            else:
                self.past[key] = self.containers.pop(key)


class Client:
    """One client. Ends when the daemon does not answer any more, or `stopped` is set."""

    def __init__(self, engine: Engine, ledger: Ledger, seed: str, stopped: threading.Event) -> None:
        self.name = seed
        self.thread = threading.Thread(target=self.run, daemon=True)
        self._engine = engine
        self._ledger = ledger
        self._chance = random.Random(seed)
        self._stopped = stopped
        self._number = 0
        self.doing = ""

    def run(self) -> None:
        """Verb after verb."""
        verbs: list[tuple[int, Callable[[], None]]] = [
            (8, self._create),
            (8, self._start),
            (6, self._exec),
            (4, self._rename),
            (3, self._remove),
            (3, self._stop),
            (3, self._kill),
            (4, self._logs),
            (2, self._attach),
            (2, self._pause),
            (2, self._update),
            (2, self._look),
        ]
        weights = [weight for weight, _ in verbs]
        while not self._stopped.is_set():
            verb = self._chance.choices(verbs, weights)[0][1]
            try:
                verb()
            except ENDED:
                if not self._stopped.wait(0.02):
                    continue
                return

    def _ask(self, method: str, path: str, body: Any = None, **query: Any) -> Reply:
        self.doing = f"{method} {path} {query}"
        key = path.split("/")[2]
        self._ledger.tell(key, f"{self.doing}?")
        reply = self._engine.ask(method, path + encode(query), body, timeout=30)
        self._ledger.tell(key, f"{method} {path.rpartition('/')[2]} -> {reply.status}")
        with self._ledger.lock:
            self._ledger.calls += 1
            if reply.status >= 500 and reply.status != 501:
                self._ledger.failures.append(f"{method} {path}: {reply.status} {reply.body[:300]!r}")
        return reply

    def _pick(self) -> tuple[str, Known] | None:
        with self._ledger.lock:
            alive = [(key, known) for key, known in self._ledger.containers.items() if not known.removed]
        return self._chance.choice(alive) if alive else None

    def _name(self) -> str:
        self._number += 1
        return f"{self.name.replace('/', '-')}-{self._number}"

    def _create(self) -> None:
        with self._ledger.lock:
            if sum(not known.removed for known in self._ledger.containers.values()) >= MOST:
                return
        name, auto_remove = self._name(), self._chance.random() < 0.3
        command = self._chance.choice(
            [
                ["sleep", "1000"],
                ["sleep", "1000"],
                ["sh", "-c", "trap 'exit 3' TERM; while :; do echo tick; sleep 0.05; done"],
                ["sh", "-c", "seq 200; exit 5"],
                ["true"],
                ["/no/such/program"],
            ]
        )
        body = self._engine.create_body(
            command,
            {"AutoRemove": auto_remove, "Runtime": self._chance.choice(["runc", "runc", "crun"])},
            {"OpenStdin": self._chance.random() < 0.3, "Tty": self._chance.random() < 0.2},
        )
        reply = self._ask("POST", "/containers/create", body, name=name)
        if reply.status == 201:
            with self._ledger.lock:
                self._ledger.containers[str(reply.json()["Id"])] = Known({name}, auto_remove, story=[str(body)])

    def _start(self) -> None:
        if (picked := self._pick()) is None:
            return
        key, known = picked
        known.start_asked = True
        if self._ask("POST", f"/containers/{key}/start").status == 204:
            known.started = True

    def _exec(self) -> None:
        if (picked := self._pick()) is None:
            return
        command = {"Cmd": ["sh", "-c", "echo word; exit 6"], "AttachStdout": True, "AttachStderr": True}
        made = self._ask("POST", f"/containers/{picked[0]}/exec", command)
        if made.status != 201:
            return
        key = made.json()["Id"]
        if self._chance.random() < 0.3:
            self._ask("POST", f"/exec/{key}/start", {"Detach": True})
            return
        self.doing = f"exec {key} in {picked[0]}"
        with self._engine.wire(timeout=5) as wire:  # the container may be paused, and its processes with it
            wire.send(post_json(f"/exec/{key}/start", {"Detach": False, "Tty": False}, UPGRADE))
            head = wire.head()
            if head.status != 101:
                return
            output = wire.rest()
        found = self._ask("GET", f"/exec/{key}/json")
        if found.status == 200 and found.json()["ExitCode"] == 6 and split_streams(output)[0] != b"word\n":
            with self._ledger.lock:
                self._ledger.failures.append(f"exec {key[:12]} said {output!r} and ended with 6")

    def _rename(self) -> None:
        if (picked := self._pick()) is None:
            return
        key, known = picked
        with self._ledger.lock:
            if known.renaming:
                return
            known.renaming = True
            name = self._name()
            before = set(known.names)
            known.names.add(name)
        status = self._ask("POST", f"/containers/{key}/rename", name=name).status
        with self._ledger.lock:
            known.names = {name} if status == 204 else before
            known.renaming = False

    def _remove(self) -> None:
        if (picked := self._pick()) is None:
            return
        key, known = picked
        known.removal_asked = True
        if self._ask("DELETE", f"/containers/{key}", force=self._chance.choice([0, 1])).status == 204:
            known.removed = True

    def _stop(self) -> None:
        if (picked := self._pick()) is None:
            return
        key, known = picked
        verb = self._chance.choice(["stop", "restart"])
        known.start_asked |= verb == "restart"
        self._ask("POST", f"/containers/{key}/{verb}", t=0)

    def _kill(self) -> None:
        if (picked := self._pick()) is not None:
            self._ask("POST", f"/containers/{picked[0]}/kill", signal=self._chance.choice(["KILL", "TERM", "USR1"]))

    def _logs(self) -> None:
        if (picked := self._pick()) is not None:
            self._ask("GET", f"/containers/{picked[0]}/logs", stdout=1, stderr=1, tail=20)

    def _attach(self) -> None:
        if (picked := self._pick()) is None:
            return
        self.doing = f"attach to {picked[0]}"
        with self._engine.wire(timeout=0.1) as wire, contextlib.suppress(TimeoutError):
            wire.send(request("POST", f"/containers/{picked[0]}/attach?stream=1&stdout=1&stdin=1", b"", UPGRADE))
            wire.head()
            for _ in range(4):  # a little of what may never end
                if not wire.more():
                    break

    def _pause(self) -> None:
        if (picked := self._pick()) is not None:
            self._ask("POST", f"/containers/{picked[0]}/{self._chance.choice(['pause', 'unpause'])}")

    def _update(self) -> None:
        if (picked := self._pick()) is not None:
            self._ask("POST", f"/containers/{picked[0]}/update", {"CpuShares": self._chance.choice([512, 1024])})

    def _look(self) -> None:
        if (picked := self._pick()) is not None:
            self._ask("GET", f"/containers/{picked[0]}/json")
        self._ask("GET", "/containers/json", all=1)


def churn(engine: Engine, ledger: Ledger, seed: str) -> tuple[list[Client], threading.Event]:
    """Start the clients; set the event to stop them."""
    stopped = threading.Event()
    clients = [Client(engine, ledger, f"{seed}/{number}", stopped) for number in range(CLIENTS)]
    for client in clients:
        client.thread.start()
    return clients, stopped


def end(clients: list[Client], stopped: threading.Event) -> None:
    """Stop them and wait for their end."""
    stopped.set()
    for client in clients:
        client.thread.join(40)
        assert not client.thread.is_alive(), f"client {client.name} hangs: {client.doing}"
