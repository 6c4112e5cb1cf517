"""A client on its own connection; with containers: tests/shim/test_streams.py."""

from __future__ import annotations

import base64
import os

import pytest

from shim.protocol import Attach, ProcessSpec
from tests.unit.shim.sockets import Bench, readable

SPEC = ProcessSpec("id", ["x"], "/", stdin=True)


def test_the_head_goes_first_and_early_bytes_to_the_container(bench: Bench) -> None:
    attach = Attach(stdin=True, stdout=True, head="HEAD", early=base64.b64encode(b"early").decode())
    clients = bench.clients(SPEC, [])
    ours, theirs = bench.connection()
    clients.attach(attach, theirs)
    assert ours.recv(99) == b"HEAD"
    assert os.read(bench.container_in, 99) == b"early"
    os.write(bench.container_out, b"out")
    bench.step(lambda: len(clients) == 1 and readable(ours))
    assert ours.recv(99) == b"\x01\0\0\0\0\0\0\x03out"


def test_a_finished_client_gets_its_end_and_leaves(bench: Bench) -> None:
    events: list[str] = []
    clients = bench.clients(SPEC, events)
    ours, theirs = bench.connection()
    clients.attach(Attach(stdout=True), theirs)
    clients.finish()
    assert ours.recv(9) == b""
    ours.close()
    bench.step(lambda: events)
    assert events == ["end"]
    assert len(clients) == 0


def test_wrong_fields_are_refused_before_anything_is_sent(bench: Bench) -> None:
    attach = Attach(stdin=True, early="not base64!", head="HEAD")
    clients = bench.clients(SPEC, [])
    ours, theirs = bench.connection()
    with pytest.raises(ValueError, match=r"."):
        clients.attach(attach, theirs)
    assert ours.recv(9) == b""
    assert len(clients) == 0
