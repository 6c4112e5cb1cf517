"""A client's queue: bounds, whole frames, a client that goes."""

from __future__ import annotations

import os
import socket

from shim import frames
from shim.outlet import Outlet, unconsumed, unread
from shim.protocol import CLIENT_BUFFER


def nothing() -> None:
    return


def pair() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(5)
    return ours, theirs


def test_what_the_client_cannot_take_waits_and_the_bound_shows() -> None:
    ours, theirs = pair()
    with ours, theirs:
        outlet = Outlet(ours.fileno(), True, nothing)
        sent = 0
        while not outlet.full:
            outlet.put(1, bytes(65536))
            sent += 65536
        assert CLIENT_BUFFER < outlet.pending < CLIENT_BUFFER + 2 * 65536
        assert outlet.blocks(1)
        received = b""
        while outlet.pending:
            received += theirs.recv(1 << 20)
            outlet.flush()
        theirs.setblocking(False)
        try:
            while piece := theirs.recv(1 << 20):
                received += piece
        except BlockingIOError:
            pass
        found, rest = frames.parse(received)
        assert rest == b""
        assert sum(len(payload) for _, payload in found) == sent
        assert outlet.low


def test_a_gate_holds_everything_back() -> None:
    ours, theirs = pair()
    with ours, theirs:
        outlet = Outlet(ours.fileno(), False, nothing)
        outlet.gated = True
        outlet.put(1, b"x")
        assert unconsumed(ours.fileno()) == 0
        outlet.gated = False
        outlet.flush()
        assert theirs.recv(9) == b"x"


def test_a_begun_frame_is_finished_before_another_stream() -> None:
    ours, theirs = pair()
    with ours, theirs:
        outlet = Outlet(ours.fileno(), True, nothing)
        outlet.put_raw(frames.header(1, 4))
        outlet.owed, outlet.owed_stream = 4, 1
        assert outlet.blocks(2)
        assert not outlet.blocks(1)
        outlet.put(1, b"abcdef")
        outlet.put(2, b"g")
        assert frames.parse(theirs.recv(99)) == ([(1, b"abcd"), (1, b"ef"), (2, b"g")], b"")


def test_a_client_that_is_gone_holds_nobody_back() -> None:
    changes: list[bool] = []
    ours, theirs = pair()
    with ours:
        outlet = Outlet(ours.fileno(), False, lambda: changes.append(True))
        theirs.close()
        outlet.put(1, b"x")
        assert outlet.dead
        assert not outlet.pending
        assert not outlet.blocks(1)
        assert changes


def test_a_pipe_tells_what_it_holds() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"12345")
    assert unread(reader) == 5
    os.close(reader)
    os.close(writer)
