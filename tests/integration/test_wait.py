"""wait: three conditions, the head at once, the code kept although the container goes."""

from __future__ import annotations

import pytest

from tests.engine import Engine
from tests.wire import Reply, Wire, request

pytestmark = [pytest.mark.root, pytest.mark.peer]

POLITE = ["sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.05; done"]


Pending = tuple[Wire, Reply]


def waiting(engine: Engine, container: str, condition: str = "") -> Pending:
    """A wait whose head has come: the connection and the head."""
    wire = engine.wire()
    query = f"?condition={condition}" if condition else ""
    wire.send(request("POST", f"/containers/{container}/wait{query}", b""))
    head = wire.head()
    assert head.status == 200
    assert head.headers["content-type"] == "application/json"
    return wire, head


def result(pending: Pending) -> dict[str, object]:
    """The body of a wait."""
    wire, head = pending
    with wire:
        found: dict[str, object] = wire.body_of(head).json()
    return found


@pytest.mark.parametrize("condition", ["", "not-running", "next-exit"])
def test_a_running_container_is_waited_for(engine: Engine, runtime: str, condition: str) -> None:
    container = engine.running(POLITE)
    wire = waiting(engine, container, condition)
    engine.post(f"/containers/{container}/stop")
    found = result(wire)
    assert found["StatusCode"] == 5
    assert not found.get("Error")


def test_not_running_is_answered_at_once(engine: Engine) -> None:
    created = engine.create(["true"])
    assert result(waiting(engine, created))["StatusCode"] == 0
    ended = engine.running(["sh", "-c", "exit 7"])
    assert engine.wait(ended) == 7
    assert result(waiting(engine, ended, "not-running"))["StatusCode"] == 7


def test_next_exit_waits_although_the_container_has_ended(engine: Engine, runtime: str) -> None:
    container = engine.running(["sh", "-c", "exit 7"])
    engine.wait(container)
    wire = waiting(engine, container, "next-exit")
    engine.start(container)
    assert result(wire)["StatusCode"] == 7


def test_next_exit_before_the_first_start(engine: Engine) -> None:
    container = engine.create(["sh", "-c", "exit 8"])
    wire = waiting(engine, container, "next-exit")
    engine.start(container)
    assert result(wire)["StatusCode"] == 8


def test_removed_reports_the_last_code(engine: Engine, runtime: str) -> None:
    container = engine.running(["sh", "-c", "exit 9"])
    engine.wait(container)
    wire = waiting(engine, container, "removed")
    engine.remove(container)
    assert result(wire)["StatusCode"] == 9


def test_removed_of_a_container_that_removes_itself(engine: Engine, runtime: str) -> None:
    container = engine.create(["sh", "-c", "exit 10"], host={"AutoRemove": True})
    wire = waiting(engine, container, "removed")
    engine.start(container)
    assert result(wire)["StatusCode"] == 10
    assert engine.ask("GET", f"/containers/{container}/json").status == 404


@pytest.mark.parametrize("condition", ["removed", "next-exit"])
def test_removal_releases_waiters_of_what_never_ran(engine: Engine, condition: str) -> None:
    container = engine.create(["true"])
    wire = waiting(engine, container, condition)
    engine.remove(container)
    assert result(wire)["StatusCode"] == 0


def test_a_signal_is_128_and_its_number(engine: Engine, runtime: str) -> None:
    container = engine.running()
    engine.post(f"/containers/{container}/kill", signal="KILL")
    assert engine.wait(container) == 137


def test_many_waiters_hear_the_same(engine: Engine) -> None:
    container = engine.running(POLITE)
    wires = [waiting(engine, container) for _ in range(40)]
    engine.post(f"/containers/{container}/stop")
    assert {result(wire)["StatusCode"] for wire in wires} == {5}


@pytest.mark.ours("20.10 takes an unknown condition for the default")
def test_an_unknown_condition_or_container(engine: Engine) -> None:
    container = engine.create(["true"])
    reply = engine.ask("POST", f"/containers/{container}/wait?condition=never")
    assert reply.status == 400
    reply = engine.ask("POST", "/containers/nobody-there/wait")
    assert (reply.status, reply.message) == (404, "No such container: nobody-there")


@pytest.mark.ours("20.10 tells the error in the wait's result only by its code")
def test_a_start_that_fails_releases_the_waiter(engine: Engine, runtime: str) -> None:
    container = engine.create(["no-such-command"])
    wire = waiting(engine, container, "next-exit")
    assert engine.ask("POST", f"/containers/{container}/start").status == 400
    engine.remove(container)
    assert result(wire)["StatusCode"] in (0, 127)
