"""Clients that are slow, rude, broken or gone: none of them costs the engine more than itself."""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time

import pytest

from tests.engine import Engine, proportional_memory
from tests.waiting import wait_until
from tests.wire import UPGRADE, Wire, request

pytestmark = [pytest.mark.root]


def descriptors(engine: Engine) -> int:
    """Open descriptors of all the daemon's processes."""
    count = 0
    for pid in engine.daemon_pids():
        with contextlib.suppress(FileNotFoundError):  # it has just ended
            count += len(os.listdir(f"/proc/{pid}/fd"))
    return count


def memory(engine: Engine) -> int:
    return proportional_memory(engine.daemon_pids())


def vanish(engine: Engine, head: bytes, count: int, read_head: bool = True) -> None:
    """Open `count` connections that send `head`, perhaps read the answer's head, and are gone."""
    wires: list[Wire] = []
    for _ in range(count):
        wire = engine.wire()
        wire.send(head)
        if read_head:
            wire.head()
        wires.append(wire)
        if len(wires) == 50:
            for gone in wires:
                gone.close()
            wires.clear()
    for gone in wires:
        gone.close()


@pytest.mark.parametrize("what", ["wait", "events", "logs", "attach"])
def test_hundreds_of_clients_that_vanish_leave_no_memory_and_no_descriptor(engine: Engine, what: str) -> None:
    container = engine.running(["sh", "-c", "while :; do echo line; sleep 0.2; done"])
    heads = {
        "wait": request("POST", f"/containers/{container}/wait", b""),
        "events": request("GET", "/events"),
        "logs": request("GET", f"/containers/{container}/logs?stdout=1&follow=1"),
        "attach": request("POST", f"/containers/{container}/attach?stream=1&stdout=1", b"", UPGRADE),
    }
    step = 12 if what == "attach" else 150  # sixteen attaches a container

    before = descriptors(engine)

    def rounds(count: int) -> None:
        for _ in range(count):
            vanish(engine, heads[what], step)
            wait_until(lambda: descriptors(engine) <= before + 3, 20, "descriptors are closed")

    rounds(2)
    base = memory(engine)
    rounds(10 if what == "attach" else 5)
    wait_until(lambda: memory(engine) < base + 4096, 20, "the daemon's memory returns to its base")
    assert engine.state(container)["Running"]


def test_clients_that_leave_in_the_middle_of_a_request(engine: Engine) -> None:
    whole = request("POST", "/containers/create", b'{"Image":"busybox"}', {"Content-Type": "application/json"})
    before = descriptors(engine)
    for cut in range(1, len(whole) - 1, 3):
        with engine.wire() as wire:
            wire.send(whole[:cut])
    wait_until(lambda: descriptors(engine) <= before + 3, 20)
    assert engine.get("/containers/json", all=1) == []


def test_rubbish_is_answered_or_closed_and_never_fatal(engine: Engine) -> None:
    chance = random.Random(7)
    samples = [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /_ping HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"POST /containers/create HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /%zz%00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /containers/\xff\xfe/json HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        *(chance.randbytes(chance.randrange(1, 3000)) + b"\r\n\r\n" for _ in range(50)),
    ]
    for sample in samples:
        with engine.wire(timeout=10) as wire, contextlib.suppress(ConnectionResetError, BrokenPipeError):
            wire.send(sample)
            wire.half_close()
            assert b"Traceback" not in wire.rest()
    assert engine.ask("GET", "/_ping").body == b"OK"
    assert "Traceback" not in engine.log_tail(400)


def test_a_head_that_never_ends_is_refused(engine: Engine) -> None:
    before = memory(engine)
    with engine.wire(timeout=20) as wire:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            wire.send(b"GET /_ping HTTP/1.1\r\nHost: a\r\n")
            for number in range(4000):
                wire.send(b"X-Filler-%d: %s\r\n" % (number, b"x" * 8000))
        with contextlib.suppress(ConnectionResetError, EOFError):
            assert wire.answer().status in (400, 431)
    assert memory(engine) - before < 16 << 10
    assert engine.ask("GET", "/_ping").status == 200


def test_long_but_honest_heads_are_taken(engine: Engine) -> None:
    """A registry configuration or a filter can be several tens of KiB."""
    assert engine.ask("GET", "/_ping", headers={"X-Registry-Config": "x" * 60000}).status == 200
    names = ",".join(f"%22{'n' * 60}{i}%22" for i in range(400))
    assert (
        engine.ask(
            "GET", '/containers/json?filters={"name":['.replace('"', "%22").replace("[", "%5B") + names + "%5D}"
        ).status
        == 200
    )


def test_hundreds_of_idle_and_half_said_connections_do_not_stop_others(engine: Engine) -> None:
    wires = [engine.wire() for _ in range(300)]
    try:
        for number, wire in enumerate(wires):
            wire.send(b"POST /containers/create HTTP/1.1\r\nHost: a\r\nContent-Le"[: number % 60])
        begun = time.monotonic()
        assert engine.ask("GET", "/_ping").status == 200
        assert engine.run(["echo", "hi"]).stdout == b"hi\n"
        assert time.monotonic() - begun < 10
    finally:
        for wire in wires:
            wire.close()


def test_a_body_that_trickles_holds_nobody_up(engine: Engine) -> None:
    with engine.wire() as wire:
        fields = {"Content-Type": "application/json", "Content-Length": "500"}
        wire.send(request("POST", "/containers/create", b"{", fields))
        assert engine.run(["echo", "hi"]).stdout == b"hi\n"
    assert engine.get("/containers/json", all=1) == []


def test_an_endless_body_is_cut_at_the_limit(engine: Engine) -> None:
    before = memory(engine)
    fields = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    head = request("POST", "/containers/create", b"", fields)
    begun = time.monotonic()
    with engine.wire(timeout=20) as wire, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        wire.send(head)
        while time.monotonic() - begun < 30:
            wire.send(b"10000\r\n" + b" " * 65536 + b"\r\n")
    assert time.monotonic() - begun < 20
    assert memory(engine) - before < 48 << 10


def test_a_reader_of_logs_that_stops_reading_costs_no_memory(engine: Engine) -> None:
    container = engine.running(["sh", "-c", "seq 2000000"])
    engine.wait(container)
    with engine.wire() as wire:
        before = memory(engine)
        wire.send(request("GET", f"/containers/{container}/logs?stdout=1"))
        wire.head()
        for _ in range(20):
            engine.get("/version")
        assert memory(engine) - before < 16 << 10
        assert sum(map(len, wire.chunks())) > 10 << 20


def test_a_reader_of_events_that_stops_reading_costs_no_memory(engine: Engine) -> None:
    container = engine.running()
    with engine.wire() as wire:
        wire.send(request("GET", "/events"))
        wire.head()
        for _ in range(50):
            engine.post(f"/containers/{container}/rename", name="a-name")
            engine.post(f"/containers/{container}/rename", name="another-name")
        before = memory(engine)
        for number in range(1000):
            engine.post(f"/containers/{container}/rename", name=f"name-{number}")
        assert memory(engine) - before < 8 << 10


def test_a_container_without_readers_is_not_held_up(engine: Engine) -> None:
    container = engine.running(["sh", "-c", "seq 300000; exit 4"])
    assert engine.wait(container) == 4


def test_many_clients_at_once_are_all_served(engine: Engine) -> None:
    answers: list[int] = []

    def ask() -> None:
        answers.extend(engine.ask("GET", "/containers/json").status for _ in range(20))

    threads = [threading.Thread(target=ask) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [200] * 600


def test_hundreds_of_runs_leave_no_descriptor_process_or_memory(engine: Engine) -> None:
    def work(count: int) -> None:
        container = engine.running()
        for _ in range(count):
            assert engine.exec(container, ["true"]).code == 0
            assert engine.run(["true"]).code == 0
        engine.remove(container)

    work(30)
    fds, processes, base = descriptors(engine), len(engine.daemon_pids()), memory(engine)
    work(60)
    wait_until(lambda: descriptors(engine) <= fds + 3, 20, "descriptors are closed")
    wait_until(lambda: len(engine.daemon_pids()) <= processes, 20, "runtimes have ended")
    wait_until(lambda: memory(engine) < base + 4096, 20, "memory returns")
