"""The doorbell."""

from __future__ import annotations

from socket import socket

from shim.bell import Bell
from tests.unit.shim.sockets import Bench


def test_a_bell_nobody_hears_never_waits_and_ends_with_the_log(bench: Bench) -> None:
    bell = Bell(bench.loop)
    ours, theirs = bench.connection()
    bell.add(socket(fileno=theirs))
    for _ in range(5000):
        bell.ring()
    assert set(ours.recv(9)) == {ord("\n")}
    bell.close()
    while ours.recv(65536):
        pass


def test_one_who_hangs_up_is_forgotten(bench: Bench) -> None:
    bell = Bell(bench.loop)
    ours, theirs = bench.connection()
    bell.add(socket(fileno=theirs))
    ours.close()
    bench.step(lambda: not bench.loop.watched(theirs))
    bell.ring()
