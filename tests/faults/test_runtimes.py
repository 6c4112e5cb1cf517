"""A runtime that hangs, is missing, or talks nonsense: its container gets a clear error in time, no other notices."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.calls import Refused
from tests.engine import Engine
from tests.faults.puppet import NAME, START_TIMEOUT, Puppet, engine_with
from tests.faults.test_churn import check_nothing_is_left
from tests.waiting import wait_until
from tests.wire import Reply

pytestmark = [pytest.mark.root]

ON_STRINGS: dict[str, Any] = {"Runtime": NAME}


@pytest.fixture
def stage(make_engine: Callable[..., Engine], busybox_archive: str) -> Iterator[tuple[Engine, Puppet]]:
    engine, puppet = engine_with(make_engine, busybox_archive)
    yield engine, puppet
    for name in os.listdir(f"{engine.place}/puppet"):
        os.unlink(f"{engine.place}/puppet/{name}")
    puppet.repair()
    engine.remove_all()
    check_nothing_is_left(engine)


class Watcher:
    """Uses another container all the while; `slowest` is how long one use took."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._container = engine.running(name="other")
        self._stopped = threading.Event()
        self.slowest = 0.0
        self.uses = 0
        self._thread = threading.Thread(target=self._use)
        self._thread.start()

    def _use(self) -> None:
        while not self._stopped.is_set():
            begun = time.monotonic()
            assert self._engine.exec(self._container, ["true"]).code == 0
            assert len(self._engine.get("/containers/json")) >= 1
            self.slowest = max(self.slowest, time.monotonic() - begun)
            self.uses += 1

    def check(self) -> None:
        self._stopped.set()
        self._thread.join()
        assert self.uses and self.slowest < START_TIMEOUT


def timed(call: Callable[[], Reply]) -> tuple[Reply, float]:
    begun = time.monotonic()
    return call(), time.monotonic() - begun


@pytest.mark.parametrize("verb", ["create", "start"])
def test_a_start_that_hangs_fails_in_time_and_can_be_tried_again(stage: tuple[Engine, Puppet], verb: str) -> None:
    engine, puppet = stage
    watcher = Watcher(engine)
    container = engine.create(["sh", "-c", "exit 3"], host=ON_STRINGS)
    puppet.pull(f"hang-{verb}")
    reply, took = timed(lambda: engine.ask("POST", f"/containers/{container}/start"))
    assert reply.status == 500 and "did not" in reply.message and str(START_TIMEOUT) in reply.message
    assert took < START_TIMEOUT + 3
    watcher.check()
    state = engine.state(container)
    assert (state["Status"], state["ExitCode"]) == ("created", 128) and "did not" in state["Error"]
    puppet.release(f"hang-{verb}")
    engine.start(container)
    assert engine.wait(container) == 3


def test_an_exec_that_hangs_fails_in_time(stage: tuple[Engine, Puppet]) -> None:
    engine, puppet = stage
    container = engine.running(host=ON_STRINGS)
    watcher = Watcher(engine)
    puppet.pull("hang-exec")
    begun = time.monotonic()
    outcome = engine.exec(container, ["true"])
    assert outcome.code not in (0, None) and b"did not" in outcome.stdout + outcome.stderr
    assert time.monotonic() - begun < START_TIMEOUT + 3
    watcher.check()
    puppet.release("hang-exec")
    assert engine.exec(container, ["echo", "hi"]).stdout == b"hi\n"


@pytest.mark.parametrize("way", ["stop", "kill", "remove"])
def test_a_container_can_be_ended_though_its_runtime_can_not_kill(stage: tuple[Engine, Puppet], way: str) -> None:
    engine, puppet = stage
    container = engine.running(host=ON_STRINGS)
    watcher = Watcher(engine)
    puppet.pull("hang-kill")
    if way == "remove":
        reply, took = timed(lambda: engine.ask("DELETE", f"/containers/{container}?force=1"))
    else:
        reply, took = timed(lambda: engine.ask("POST", f"/containers/{container}/{way}"))
    assert reply.status == 204, reply
    assert took < START_TIMEOUT + 4
    watcher.check()
    if way != "remove":
        assert engine.state(container)["ExitCode"] == 137


def test_other_signals_are_refused_in_time_if_the_runtime_hangs(stage: tuple[Engine, Puppet]) -> None:
    engine, puppet = stage
    container = engine.running(host=ON_STRINGS)
    puppet.pull("hang-kill")
    reply, took = timed(lambda: engine.ask("POST", f"/containers/{container}/kill?signal=HUP"))
    assert reply.status == 500 and "did not end within" in reply.message and took < START_TIMEOUT + 2
    assert engine.state(container)["Running"]


def test_a_runtime_that_can_not_delete_holds_up_neither_exit_nor_removal(stage: tuple[Engine, Puppet]) -> None:
    engine, puppet = stage
    container = engine.running(["sh", "-c", "read x; exit 6"], host=ON_STRINGS, OpenStdin=True)
    puppet.pull("hang-delete")
    with engine.attach(container, stream=1, stdin=1) as wire:
        wire.send(b"\n")
    assert engine.wait(container) == 6
    reply, took = timed(lambda: engine.ask("DELETE", f"/containers/{container}"))
    assert reply.status == 204 and took < 1
    assert os.listdir(f"{engine.state_dir}/runtime-root/{NAME}") == [container]
    wait_until(lambda: "cannot clean up" in engine.log_tail(), START_TIMEOUT + 5)
    engine.kill_daemon()
    puppet.release("hang-delete")
    engine.start_daemon()  # what the daemon could not clean is found by the next one
    wait_until(lambda: not os.listdir(f"{engine.state_dir}/runtime-root/{NAME}"), 10)


def test_what_the_runtime_could_not_delete_is_deleted_once_it_can(stage: tuple[Engine, Puppet]) -> None:
    engine, puppet = stage
    puppet.pull("hang-delete")
    container = engine.running(["true"], host=ON_STRINGS)
    engine.wait(container)
    wait_until(lambda: "cannot clean up" in engine.log_tail(), START_TIMEOUT + 5)
    puppet.release("hang-delete")
    wait_until(lambda: not os.listdir(f"{engine.state_dir}/runtime-root/{NAME}"), 10)
    engine.start(container)
    assert engine.wait(container) == 0


def test_a_daemon_starts_though_a_runtime_hangs(stage: tuple[Engine, Puppet]) -> None:
    engine, puppet = stage
    plain = engine.running(name="plain")
    engine.running(name="strings", host=ON_STRINGS)
    puppet.pull("hold-start")
    cut = engine.create(["sleep", "1000"], name="cut", host=ON_STRINGS)
    starting = threading.Thread(target=lambda: _ignore(lambda: engine.start(cut)))
    starting.start()
    wait_until(lambda: puppet.pulled("held-start"))
    engine.kill_daemon()
    starting.join()
    puppet.release("hold-start")
    for verb in ("state", "delete", "kill"):
        puppet.pull(f"hang-{verb}")
    begun = time.monotonic()
    engine.start_daemon()
    assert engine.exec(plain, ["echo", "hi"]).stdout == b"hi\n"
    assert time.monotonic() - begun < 10, "one runtime that hangs costs a moment, not its time limits"
    assert engine.state("strings")["Running"]
    for verb in ("state", "delete", "kill"):
        puppet.release(f"hang-{verb}")
    # Its start was never answered, and nobody can say what became of it: it is undone.
    wait_until(lambda: engine.state("cut")["Status"] == "created", 20)
    wait_until(lambda: engine.ask("POST", f"/containers/{cut}/start").status == 204, 30)
    assert engine.state("cut")["Running"]


def _ignore(call: Callable[[], object]) -> None:
    try:
        call()
    except (Refused, OSError, EOFError):
        return


@pytest.mark.parametrize("verb", ["create", "start"])
def test_a_start_that_the_daemon_did_not_live_to_see_is_finished_or_undone(
    stage: tuple[Engine, Puppet], verb: str
) -> None:
    """The runtime is at work while the daemon dies, and goes on while the next one looks."""
    engine, puppet = stage
    puppet.pull(f"hold-{verb}")
    container = engine.create(["sleep", "1000"], host=ON_STRINGS)
    starting = threading.Thread(target=lambda: _ignore(lambda: engine.start(container)))
    starting.start()
    wait_until(lambda: puppet.pulled(f"held-{verb}"))
    assert engine.process is not None
    master = engine.process
    with open(f"/proc/{master.pid}/task/{master.pid}/children") as file:
        worker = int(file.read().split()[0])
    master.kill()
    os.kill(worker, 9)  # the runtime that the daemon called lives on
    master.wait()
    starting.join()
    engine.start_daemon()
    puppet.release(f"hold-{verb}")
    state = engine.state(container)  # waits until it is known
    assert state["Status"] == "created", state
    wait_until(lambda: engine.ask("POST", f"/containers/{container}/start").status == 204, 20)
    assert engine.state(container)["Running"]
    engine.post(f"/containers/{container}/stop", t=0)
    engine.delete(f"/containers/{container}")


@pytest.mark.parametrize("code", [0, 1])
def test_nonsense_is_an_error_in_few_words_and_harms_nobody(stage: tuple[Engine, Puppet], code: int) -> None:
    engine, puppet = stage

    def ask(verb: str, method: str, path: str) -> Reply:
        puppet.pull(f"babble-{verb}", str(code))
        reply = engine.ask(method, path)
        puppet.release(f"babble-{verb}")
        assert len(reply.body) < 20_000
        return reply

    made, runs = engine.create(["sleep", "1000"], host=ON_STRINGS), engine.running(host=ON_STRINGS)
    assert ask("create", "POST", f"/containers/{made}/start").status == 500
    assert ask("start", "POST", f"/containers/{made}/start").status == (500 if code else 204)
    for verb, method, path in (("kill", "POST", "kill?signal=HUP"), ("ps", "GET", "top"), ("pause", "POST", "pause")):
        assert ask(verb, method, f"/containers/{runs}/{path}").status == 500 or code == 0
    if code == 0:  # who lies is believed
        engine.post(f"/containers/{runs}/unpause")
    puppet.pull("babble-exec", str(code))
    assert engine.exec(runs, ["true"]).code not in (0, None)
    puppet.pull("babble-state", str(code))
    assert ask("delete", "POST", f"/containers/{runs}/stop?t=0").status == 204
    for container in (made, runs):
        assert engine.inspect(container)["Id"] == container
        engine.remove(container)
    assert "Traceback" not in engine.log_tail(400)


def test_a_runtime_that_is_missing_is_told_and_its_containers_can_go(stage: tuple[Engine, Puppet]) -> None:
    engine, puppet = stage
    runs, made = engine.running(host=ON_STRINGS), engine.create(["true"], host=ON_STRINGS)
    os.unlink(puppet.program)
    reply = engine.ask("POST", f"/containers/{made}/start")
    assert reply.status in (400, 500) and puppet.program in reply.message, reply
    assert engine.exec(runs, ["true"]).code not in (0, None)
    assert engine.ask("POST", f"/containers/{runs}/kill?signal=HUP").status == 500
    engine.kill_daemon()
    engine.start_daemon()
    assert engine.state(runs)["Running"] and engine.state(made)["Status"] == "created"
    refused = engine.ask("POST", f"/containers/{made}/start")
    assert refused.status == 400 and puppet.program in refused.message, refused
    assert engine.ask("POST", f"/containers/{runs}/stop?t=0").status == 204
    for container in (runs, made):
        assert engine.ask("DELETE", f"/containers/{container}").status == 204
    puppet.repair()


def test_a_shim_that_dies_while_its_runtime_hangs_takes_its_container_with_it(stage: tuple[Engine, Puppet]) -> None:
    engine, puppet = stage
    container = engine.running(host=ON_STRINGS)
    for verb in ("kill", "delete", "state"):
        puppet.pull(f"hang-{verb}")
    with open(f"{engine.state_dir}/{NAME}/{container}/shim-pid") as file:
        os.kill(int(file.read().split()[0]), 9)
    wait_until(lambda: not engine.state(container)["Running"], 3, "the end is noticed")
    state = engine.state(container)
    assert (state["Status"], state["ExitCode"]) == ("exited", 255) and "shim" in state["Error"]
