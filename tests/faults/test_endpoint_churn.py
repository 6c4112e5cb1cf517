"""SIGKILL of the daemon while clients put containers on networks, take them off and publish ports.

`ISULA_CHURN_ROUNDS` and `ISULA_CHURN_SEED` as in `test_churn.py`.
"""

from __future__ import annotations

import contextlib
import glob
import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from tests.calls import Refused
from tests.engine import Engine
from tests.faults.test_churn import ROUNDS, SEED, check_and_remove_all, check_nothing_is_left, kill_somehow
from tests.waiting import wait_until

pytestmark = [pytest.mark.root]

NETWORKS = ("bridge", "blue", "red")
CLIENTS = 5
ROUNDS_A_TEST = 3
SLEEP = ("sleep", "1000")


class Churn:
    """Clients that do everything to networks of containers; an answer that never came is no failure."""

    def __init__(self, engine: Engine, seed: str) -> None:
        self._engine = engine
        self._stop = threading.Event()
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._client, args=(f"{seed}/{at}",)) for at in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _client(self, seed: str) -> None:
        chance = random.Random(seed)
        while not self._stop.is_set():
            try:
                self._life(chance)
            except Refused as refused:
                words = refused.reply.body
                if refused.reply.status >= 500 and b"is not connected to" not in words and b"allocated" not in words:
                    self.failures.append(str(refused))
            except (OSError, EOFError, AssertionError, ValueError):
                time.sleep(0.05)  # the daemon is away

    def _life(self, chance: random.Random) -> None:
        """One container: created on some networks, started, moved about, restarted or ended."""
        engine = self._engine
        home = chance.choice(NETWORKS)
        host = {"NetworkMode": home, "AutoRemove": chance.random() < 0.2}
        if chance.random() < 0.5:
            host["PortBindings"] = {"80/tcp": [{"HostPort": chance.choice(["", "28200-28220"])}]}
        container = engine.create(SLEEP, host=host, ExposedPorts={"80/tcp": {}})
        engine.start(container)
        for _ in range(chance.randrange(3)):
            other = chance.choice([name for name in NETWORKS if name != home])
            verb = chance.choice(["connect", "connect", "disconnect"])
            with contextlib.suppress(Refused):
                engine.post(f"/networks/{other}/{verb}", {"Container": container})
        ending = chance.choice(["restart", "kill", "remove", "leave"])
        if ending == "restart":
            engine.post(f"/containers/{container}/restart", t=0)
        elif ending == "kill":
            engine.post(f"/containers/{container}/kill")
        if ending != "leave":
            engine.remove(container)


def addresses(engine: Engine) -> Iterator[tuple[str, str]]:
    """(network, address) of every place that running containers show."""
    for row in engine.get("/containers/json"):
        for name, place in row["NetworkSettings"]["Networks"].items():
            if place["IPAddress"]:
                yield name, place["IPAddress"]


def really(engine: Engine) -> set[str]:
    """The addresses that the namespaces of running containers have, each once or the test ends."""
    found: list[str] = []
    for row in engine.get("/containers/json"):
        inspected = engine.ask("GET", f"/containers/{row['Id']}/json")
        key = inspected.json()["NetworkSettings"]["SandboxKey"] if inspected.status == 200 else ""
        if key:
            command = ["nsenter", f"--net={key}", "ip", "-o", "-4", "addr", "show", "scope", "global"]
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found += [line.split()[3].partition("/")[0] for line in out.splitlines()]
    assert len(found) == len(set(found)), found
    return set(found)


def left_of_networks(engine: Engine) -> list[str]:
    """What of containers' networks is there although no container is."""
    inside = ["nsenter", f"--net=/run/netns/{engine.name}"]
    links = subprocess.run([*inside, "ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    rules = subprocess.run([*inside, "iptables-save"], capture_output=True, text=True, check=True).stdout
    return [
        *(line for line in links.splitlines() if ": veth" in line),
        *(line for line in rules.splitlines() if "ports:" in line),
        *glob.glob(f"{engine.state_dir}/netns/*"),
        *glob.glob(f"{engine.state_dir}/dns/*"),
        *glob.glob(f"{engine.state_dir}/networks/*/*"),
        *(path for path in glob.glob(f"{engine.state_dir}/leases/*/*") if os.path.basename(path)[0].isdigit()),
    ]


@pytest.mark.parametrize("part", range((ROUNDS + ROUNDS_A_TEST - 1) // ROUNDS_A_TEST))
def test_kills_leak_no_address_rule_interface_or_namespace(fresh_engine: Engine, part: int) -> None:
    engine = fresh_engine
    print(f"ISULA_CHURN_SEED={SEED}")
    for name in NETWORKS[1:]:
        engine.post("/networks/create", {"Name": name})
    for number in range(part * ROUNDS_A_TEST, min(ROUNDS, (part + 1) * ROUNDS_A_TEST)):
        chance = random.Random(f"networks {SEED}/{number}")
        churn = Churn(engine, f"{SEED}/{number}")
        time.sleep(chance.uniform(0.5, 3))  # the moment is what is random
        way = chance.choice(["daemon", "tree", "worker"])
        print(f"round {number}: kill {way}")
        kill_somehow(engine, way)
        churn.end()
        assert churn.failures == []
        shown = list(addresses(engine))
        assert len(shown) == len(set(shown)), shown
        assert {address for _, address in shown} == really(engine)
        check_and_remove_all(engine)
        check_nothing_is_left(engine)
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not left_of_networks(engine), 30)
        assert left_of_networks(engine) == []
    for name in NETWORKS[1:]:
        engine.delete(f"/networks/{name}")
    assert "Traceback" not in engine.log_tail(2000), engine.log_tail(2000)
