"""The container's ends: a sink that waits for room and a source that ends."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios

from shim.loop import Loop
from shim.stdio import Sink, Source, resize


def fail(error: Exception) -> None:
    raise error


def nothing() -> None:
    return


def test_a_full_container_makes_clients_wait_until_there_is_room() -> None:
    loop = Loop(fail)
    sink = Sink(loop, loop.stop)
    sink.write(b"a" * 100_000)
    waiting = [sink.full]  # its descriptor is not there yet
    reader, writer = os.pipe()
    sink.open(writer)
    waiting.append(sink.full)  # a pipe holds 64 KiB
    received = len(os.read(reader, 65536))
    loop.run()
    waiting.append(sink.full)
    assert waiting == [True, True, False]
    received += len(os.read(reader, 65536))
    assert received == 100_000
    sink.end()
    assert os.read(reader, 1) == b""
    os.close(reader)
    loop.close()


def test_input_for_a_container_that_closed_its_stdin_is_dropped() -> None:
    loop = Loop(fail)
    sink = Sink(loop, nothing)
    reader, writer = os.pipe()
    sink.open(writer)
    os.close(reader)
    sink.write(b"x")
    assert sink.closed
    sink.write(b"y")
    assert not sink.full
    loop.close()


def test_a_terminal_that_hung_up_is_at_its_end() -> None:
    loop = Loop(fail)
    master, slave = pty.openpty()
    source = Source(loop, master, 1, lambda _: None)
    assert source.read() is None
    os.write(slave, b"last")
    os.close(slave)
    assert source.read() == b"last"
    assert source.read() == b""
    source.close()
    loop.close()


def test_a_size_reaches_the_terminal() -> None:
    master, slave = pty.openpty()
    resize(master, 12, 34)
    assert struct.unpack("HHHH", fcntl.ioctl(slave, termios.TIOCGWINSZ, bytes(8)))[:2] == (12, 34)
    os.close(master)
    os.close(slave)
