"""Attaches through FIFOs; with containers: tests/shim/test_streams.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shim.fifos import FifoClient
from tests.unit.shim.sockets import Bench


def client(bench: Bench, paths: list[str]) -> FifoClient:
    return FifoClient(bench.loop, bench.streams, paths, ends_stdin=True, on_end=lambda _: None)


def test_a_reader_that_is_missing_and_a_plain_file_are_refused(bench: Bench, tmp_path: Path) -> None:
    fifo, plain = str(tmp_path / "fifo"), tmp_path / "plain"
    os.mkfifo(fifo)
    plain.touch()
    for paths in (["", fifo, ""], ["", str(plain), ""], [str(tmp_path / "none"), "", ""]):
        with pytest.raises(ValueError, match=r"."):
            client(bench, paths)


def test_output_reaches_the_fifo_and_its_end_of_input_the_container(bench: Bench, tmp_path: Path) -> None:
    typed, shown = str(tmp_path / "in"), str(tmp_path / "out")
    os.mkfifo(typed)
    os.mkfifo(shown)
    reader = os.open(shown, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(typed, os.O_RDWR)
    made = client(bench, [typed, shown, ""])
    made.begin()
    os.write(bench.container_out, b"out")
    os.write(writer, b"in")
    os.close(writer)
    bench.step(lambda: bench.streams.sink is not None and bench.streams.sink.closed)
    assert os.read(bench.container_in, 9) == b"in"
    assert os.read(reader, 9) == b"out"
    made.drop()
    assert os.read(reader, 9) == b""
    os.close(reader)
