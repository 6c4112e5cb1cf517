"""The balance between a source and its outlets; with containers: tests/shim/test_streams.py."""

from __future__ import annotations

import os

from shim.outlet import Outlet
from tests.unit.shim.sockets import Bench, readable


def test_two_clients_get_the_same_bytes(bench: Bench) -> None:
    pairs = [bench.connection() for _ in range(2)]
    for _, theirs in pairs:
        os.set_blocking(theirs, False)
        bench.streams.join(Outlet(theirs, False, bench.streams.resume), [1])
    os.write(bench.container_out, b"hello")
    bench.step(lambda: all(readable(ours) for ours, _ in pairs))
    assert [ours.recv(99) for ours, _ in pairs] == [b"hello", b"hello"]
    for _, theirs in pairs:
        os.close(theirs)


def test_a_brake_holds_the_source_until_it_is_taken_off(bench: Bench) -> None:
    ours, theirs = bench.connection()
    os.set_blocking(theirs, False)
    bench.streams.join(Outlet(theirs, False, bench.streams.resume), [1])
    braking = [True]

    def brake() -> bool:
        return braking[0]

    bench.streams.brake(brake)
    os.write(bench.container_out, b"held")
    bench.turn()
    assert not readable(ours)
    bench.streams.unbrake(brake)
    bench.step(lambda: readable(ours))
    assert ours.recv(9) == b"held"
    os.close(theirs)


def test_draining_reads_past_a_full_client(bench: Bench) -> None:
    _, theirs = bench.connection()
    os.set_blocking(theirs, False)
    outlet = Outlet(theirs, False, lambda: None)
    bench.streams.join(outlet, [1])
    while not outlet.full:
        outlet.put(1, bytes(65536))
    before = outlet.pending
    os.write(bench.container_out, b"rest")
    bench.streams.drain()
    assert outlet.pending == before + 4
    os.close(theirs)
