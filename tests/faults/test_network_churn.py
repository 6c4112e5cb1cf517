"""SIGKILL of the daemon at random moments, while clients make and remove networks and containers come and go on them.

`ISULA_CHURN_ROUNDS` says how many times (6 if it doesn't); `ISULA_CHURN_SEED` as in the churn of containers.
"""

from __future__ import annotations

import contextlib
import glob
import random
import subprocess
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.calls import encode
from tests.engine import Engine
from tests.faults.churn import ENDED
from tests.faults.test_churn import ROUNDS, SEED, kill_somehow
from tests.waiting import wait_until
from tests.wire import Reply

pytestmark = [pytest.mark.root]

ROUNDS_A_TEST = 5
CLIENTS = 4
NAMES = tuple(f"n{number}" for number in range(5))
WAYS = ("daemon", "daemon", "tree", "worker", "master")


@dataclass
class Ledger:
    """What was promised: networks by name with their id, or None for one whose removal was answered."""

    networks: dict[str, str | None] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    calls: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Client:
    """Asks for this and that until the daemon does not answer or it is told to stop. Each has names of its own."""

    def __init__(self, engine: Engine, ledger: Ledger, seed: str, stopped: threading.Event) -> None:
        self.thread = threading.Thread(target=self.run, daemon=True)
        self._engine, self._ledger, self._stopped = engine, ledger, stopped
        self._chance = random.Random(seed)
        self._own = seed.rpartition("/")[2]
        self._containers: list[str] = []

    def run(self) -> None:
        """Verb after verb."""
        verbs = [self._create, self._create, self._remove, self._run, self._run, self._run, self._connect, self._end]
        while not self._stopped.is_set():
            with contextlib.suppress(*ENDED):
                self._chance.choice(verbs)()
            self._stopped.wait(0.005)

    def _ask(self, method: str, path: str, body: Any = None, **query: Any) -> Reply:
        reply = self._engine.ask(method, path + encode(query), body, timeout=40)
        with self._ledger.lock:
            self._ledger.calls += 1
            if reply.status >= 500 and b"is not connected to" not in reply.body:  # which is a 500 in Docker
                self._ledger.failures.append(f"{method} {path}: {reply.status} {reply.body[:300]!r}")
        return reply

    def _name(self) -> str:
        return f"{self._own}-{self._chance.choice(NAMES)}"

    def _create(self) -> None:
        name = self._name()
        body = {"Name": name, "Internal": self._chance.random() < 0.2, "EnableIPv6": self._chance.random() < 0.2}
        with self._ledger.lock:
            self._ledger.unsure.add(name)
        reply = self._ask("POST", "/networks/create", body)
        with self._ledger.lock:
            self._ledger.unsure.discard(name)
            if reply.status == 201:
                self._ledger.networks[name] = reply.json()["Id"]

    def _remove(self) -> None:
        name = self._name()
        with self._ledger.lock:
            self._ledger.unsure.add(name)
        reply = self._ask("DELETE", f"/networks/{name}")
        with self._ledger.lock:
            self._ledger.unsure.discard(name)
            if reply.status == 204:
                self._ledger.networks[name] = None

    def _run(self) -> None:
        network = self._chance.choice((self._name(), "bridge"))
        host: dict[str, Any] = {"NetworkMode": network, "AutoRemove": self._chance.random() < 0.3}
        if self._chance.random() < 0.5:
            host["PortBindings"] = {"80/tcp": [{"HostPort": ""}]}
        command = self._chance.choice((["true"], ["sleep", "1000"]))
        reply = self._ask("POST", "/containers/create", self._engine.create_body(command, host, {}))
        if reply.status == 201:
            container = reply.json()["Id"]
            self._containers.append(container)
            self._ask("POST", f"/containers/{container}/start")

    def _connect(self) -> None:
        if self._containers:
            container, verb = self._chance.choice(self._containers), self._chance.choice(("connect", "disconnect"))
            self._ask("POST", f"/networks/{self._name()}/{verb}", {"Container": container})

    def _end(self) -> None:
        if self._containers:
            container = self._containers.pop(self._chance.randrange(len(self._containers)))
            self._ask("DELETE", f"/containers/{container}", force=1)


def broken(engine: Engine, ledger: Ledger) -> list[str]:
    """Promises that are not kept."""
    listed = {network["Name"]: network["Id"] for network in engine.get("/networks")}
    wrong = []
    for name, identifier in ledger.networks.items():
        if name not in ledger.unsure and listed.get(name) != identifier:
            wrong.append(f"{name} should be {identifier} and is {listed.get(name)}")
    return wrong


def settle(engine: Engine, ledger: Ledger) -> None:
    """What was asked and not answered may have happened or not: take what is for what was meant."""
    listed = {network["Name"]: network["Id"] for network in engine.get("/networks")}
    for name in ledger.unsure:
        ledger.networks[name] = listed.get(name)
    ledger.unsure.clear()


def twice(engine: Engine) -> list[str]:
    """Addresses that two running containers of a network have, and interfaces that have others than are told."""
    seen: Counter[str] = Counter()
    wrong = []
    for row in engine.get("/containers/json"):
        found = engine.ask("GET", f"/containers/{row['Id']}/json")
        if found.status != 200 or not found.json()["State"]["Running"]:
            continue
        settings = found.json()["NetworkSettings"]
        told = {place["IPAddress"] for place in settings["Networks"].values() if place["IPAddress"]}
        seen.update(
            f"{name} {place['IPAddress']}" for name, place in settings["Networks"].items() if place["IPAddress"]
        )
        command = ["nsenter", f"--net={settings['SandboxKey']}", "ip", "-o", "-4", "addr"]
        have = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        there = {words[3].partition("/")[0] for words in map(str.split, have.splitlines())} - {"127.0.0.1"}
        if there != told and engine.ask("GET", f"/containers/{row['Id']}/json").json()["NetworkSettings"] == settings:
            wrong.append(f"{row['Id'][:12]} has {there} and tells {told}")
    return wrong + [address for address, count in seen.items() if count > 1]


def left(engine: Engine) -> list[str]:
    """What is there of networks although there is nothing on them, and none but the default ones."""

    def inside(*command: str) -> list[str]:
        done = subprocess.run(["nsenter", f"--net=/run/netns/{engine.name}", *command], capture_output=True, text=True)
        return done.stdout.splitlines()

    links = [line.split()[0] for line in inside("ip", "-br", "link")]
    found = [link for link in links if link.startswith(("veth", "br-"))]
    for program in ("iptables-save", "ip6tables-save"):
        found += [line for line in inside(program) if "ports:" in line or " br-" in line]
    leases = glob.glob(f"{engine.state_dir}/leases/*/[0-9f]*")
    places = [f"{engine.state_dir}/netns/*", f"{engine.state_dir}/networks/*/*", f"{engine.root_dir}/networks/*.new"]
    return found + leases + [path for pattern in places for path in glob.glob(pattern)]


@pytest.mark.parametrize("part", range((ROUNDS + ROUNDS_A_TEST - 1) // ROUNDS_A_TEST))
def test_kills_at_random_moments_leak_no_address_rule_or_interface(fresh_engine: Engine, part: int) -> None:
    engine, chance = fresh_engine, random.Random(f"{SEED}/{part}")
    print(f"ISULA_CHURN_SEED={SEED}")
    ledger = Ledger()
    for number in range(min(ROUNDS_A_TEST, ROUNDS - part * ROUNDS_A_TEST)):
        stopped = threading.Event()
        clients = [Client(engine, ledger, f"{SEED}/{part}/{number}/c{one}", stopped) for one in range(CLIENTS)]
        for client in clients:
            client.thread.start()
        stopped.wait(chance.uniform(0.3, 2.5))
        kill_somehow(engine, chance.choice(WAYS))
        stopped.set()
        for client in clients:
            client.thread.join(60)
        assert not ledger.failures, ledger.failures
        settle(engine, ledger)
        assert not broken(engine, ledger)
        assert not twice(engine)
    remove_everything(engine)
    wait_until(lambda: not left(engine), 30, f"nothing is left: {left(engine)}")
    assert ledger.calls > 20


def remove_everything(engine: Engine) -> None:
    for row in engine.get("/containers/json", all=1):
        assert engine.ask("DELETE", f"/containers/{row['Id']}?force=1").status in (204, 404, 409)
    wait_until(lambda: not engine.get("/containers/json", all=1), 20, "all containers are gone")
    for network in engine.get("/networks", filters={"type": ["custom"]}):
        reply = engine.ask("DELETE", f"/networks/{network['Id']}")
        assert reply.status == 204, reply
