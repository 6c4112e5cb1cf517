"""SIGKILL of the daemon at random moments, while eight clients do everything to containers at once.

`ISULA_CHURN_ROUNDS` says how many times (6 if it doesn't); `ISULA_CHURN_SEED`, with the number that a failed test has
printed, makes the same choices again: what the clients ask, how the daemon is killed and after what time.
"""

from __future__ import annotations

import contextlib
import glob
import os
import random
import time
from functools import partial
from typing import Any

import pytest

from tests import leftovers
from tests.engine import Engine, kill_all, tree
from tests.faults.churn import Ledger, churn, end
from tests.waiting import wait_until

pytestmark = [pytest.mark.root]

ROUNDS = int(os.environ.get("ISULA_CHURN_ROUNDS", "6"))
SEED = int(os.environ.get("ISULA_CHURN_SEED", "0")) or random.randrange(1, 1 << 30)
ROUNDS_A_TEST = 4
WAYS = ("daemon", "daemon", "tree", "worker", "master")


def kill_somehow(engine: Engine, way: str) -> None:
    """SIGKILL to `daemon`: master and worker; `tree`: also what they are just running; or to one of the two."""
    assert engine.process is not None
    master, *rest = tree(engine.process.pid)
    worker = next((pid for pid in rest if b"restd" in leftovers.read(f"/proc/{pid}/cmdline")), master)
    kill_all({"daemon": [master, worker], "tree": [master, *rest], "worker": [worker], "master": [master]}[way])
    if way != "worker":
        engine.process.wait()
        engine.spawn()
        # Without its master the worker ends what it does, and may answer meanwhile.
        wait_until(lambda: not alive(worker) and engine.answers(), 40, "the new daemon answers")
    else:
        wait_until(engine.answers, 30, "the new worker answers")


def listed(engine: Engine) -> dict[str, dict[str, Any]]:
    return {row["Id"]: row for row in engine.get("/containers/json", all=1)}


def alive(pid: int) -> bool:
    try:
        return leftovers.read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False


def has_ended(engine: Engine, key: str) -> bool:
    found = engine.ask("GET", f"/containers/{key}/json")
    return found.status == 404 or not found.json()["State"]["Running"]


def check_and_remove_all(engine: Engine) -> None:
    """Every listed container inspects, stops and removes."""
    for key in listed(engine):
        found = engine.ask("GET", f"/containers/{key}/json")
        if found.status == 404:  # AutoRemove, just now
            continue
        assert found.status == 200, found
        state = found.json()["State"]
        assert state["Status"] in ("created", "running", "paused", "exited", "removing"), state
        if state["Running"] and not alive(state["Pid"]):
            wait_until(partial(has_ended, engine, key), 5, "an end that has just come is noted")
        assert engine.ask("GET", f"/containers/{key}/logs?stdout=1&stderr=1").status in (200, 404, 409)
        stopped = engine.ask("POST", f"/containers/{key}/stop?t=0")
        assert stopped.status in (204, 304, 404), stopped
        removed = engine.ask("DELETE", f"/containers/{key}")
        assert removed.status in (204, 404, 409), removed
    wait_until(lambda: not listed(engine), 20, "all containers are gone")


def left(engine: Engine) -> list[str]:
    """Whatever is there although no container is."""
    own = set(engine.daemon_pids())
    found = [str(one) for one in engine.remains() if one.pid not in own]
    ahead = [one for one in found if "shim.nursery" in one]  # the next shim waits for its orders
    keepers = [one for one in found if "isula-rest-keeper" in one]  # it ends by itself, a while after its last client
    found = [one for one in found if one not in [*ahead[:1], *keepers[:1]]]
    patterns = [
        f"{engine.root_dir}/engines/*/*",
        f"{engine.root_dir}/overlay-containers/*",
        f"{engine.root_dir}/trash/*",
        f"{engine.root_dir}/tmp/*",
        f"{engine.state_dir}/runtime-root/*/*",
        f"{engine.state_dir}/rehearsal-*",
        *(f"{engine.state_dir}/{runtime}/{name}" for runtime in ("runc", "crun") for name in ("*", ".*")),
    ]
    return found + [path for pattern in patterns for path in glob.glob(pattern)]


def check_nothing_is_left(engine: Engine, ledger: Ledger | None = None) -> None:
    end_of_patience = time.monotonic() + 20
    while (found := left(engine)) and time.monotonic() < end_of_patience:
        time.sleep(0.05)
    if found and ledger is not None:
        print(*ledger.stories(str(found)), sep="\n")
    assert not found


def descriptors(engine: Engine) -> int:
    found = 0
    for pid in engine.daemon_pids():
        with contextlib.suppress(FileNotFoundError):  # a program that the daemon ran, and that has ended
            found += len(os.listdir(f"/proc/{pid}/fd"))
    return found


@pytest.mark.parametrize("part", range((ROUNDS + ROUNDS_A_TEST - 1) // ROUNDS_A_TEST))
def test_kills_at_random_moments_break_no_promise_and_leak_nothing(fresh_engine: Engine, part: int) -> None:
    engine = fresh_engine
    print(f"ISULA_CHURN_SEED={SEED}")
    check_nothing_is_left(engine)
    base = descriptors(engine)
    for number in range(part * ROUNDS_A_TEST, min(ROUNDS, (part + 1) * ROUNDS_A_TEST)):
        chance = random.Random(f"{SEED}/{number}")
        ledger = Ledger()
        for again in range(chance.choice([1, 1, 2])):
            clients, stopped = churn(engine, ledger, f"{SEED}/{number}/{again}")
            time.sleep(chance.uniform(0.2, 2.5))  # the moment is what is random
            way = chance.choice(WAYS)
            print(f"round {number}: {ledger.calls} calls, {len(ledger.containers)} containers, kill {way}")
            kill_somehow(engine, way)
            end(clients, stopped)
            now = listed(engine)
            assert ledger.failures == []
            assert ledger.broken(now) == []
            ledger.settle(now)
        check_and_remove_all(engine)
        check_nothing_is_left(engine, ledger)
        wait_until(lambda: descriptors(engine) <= base + 4, 20, "descriptors are closed")
    assert "Traceback" not in engine.log_tail(2000), engine.log_tail(2000)


def test_verbs_from_all_sides_get_no_internal_error(fresh_engine: Engine) -> None:
    """Whatever collides with what: the answer is a yes, or a no that says why; never the engine's own failure."""
    ledger = Ledger()
    clients, stopped = churn(fresh_engine, ledger, f"{SEED}/calm")
    time.sleep(8)  # as long as it takes
    end(clients, stopped)
    assert ledger.failures == []
    assert ledger.broken(listed(fresh_engine)) == []
    check_and_remove_all(fresh_engine)
    check_nothing_is_left(fresh_engine, ledger)
    assert ledger.calls > 200
