from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator

import pytest

from client.errors import ClientError, EngineError
from client.session import Session, Streams, forwarder
from client.signals import Signals
from client.transport import Reply
from tests.unit.client.fake_engine import frame

Pair = tuple[Reply, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Reply(ours), theirs


@pytest.fixture
def signals() -> Iterator[Signals]:
    with Signals((signal.SIGUSR1, signal.SIGWINCH)) as collected:
        yield collected


def test_frames_go_to_their_streams_and_the_early_bytes_come_first(
    pair: Pair, signals: Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    reply, engine = pair
    reply.early = frame(1, b"early ")[:10]
    engine.sendall(frame(1, b"early ")[10:] + frame(2, b"err") + frame(1, b"late"))
    engine.shutdown(socket.SHUT_WR)
    assert not Session(Streams(reply, False, None), signals).run(None)
    assert capfd.readouterr() == ("early late", "err")


def test_a_terminals_stream_is_passed_on_as_it_is(
    pair: Pair, signals: Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    reply, engine = pair
    engine.sendall(b"\x01raw")
    engine.shutdown(socket.SHUT_WR)
    Session(Streams(reply, True, None), signals).run(0)
    assert capfd.readouterr().out == "\x01raw"


def test_the_end_of_the_keyboard_is_passed_on_and_output_still_read(
    pair: Pair, signals: Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    reply, engine = pair
    reader, writer = os.pipe()
    os.write(writer, b"typed")
    os.close(writer)
    streams = Streams(reply, True, reader)
    streams.read_keyboard()
    streams.read_keyboard()
    assert engine.recv(100) == b"typed"
    assert engine.recv(100) == b""
    assert streams.keyboard is None
    engine.sendall(b"answer")
    engine.close()
    Session(streams, signals).run(None)
    assert capfd.readouterr().out == "answer"
    os.close(reader)


def test_input_that_nobody_takes_waits_without_blocking(pair: Pair) -> None:
    reply, engine = pair
    with open("/dev/zero", "rb", buffering=0) as zeros:
        streams = Streams(reply, True, zeros.fileno())
        for _ in range(1000):
            if not streams.reads_keyboard():
                break
            streams.read_keyboard()
        assert not streams.reads_keyboard()
        engine.close()
        streams.flush()
        assert streams.keyboard is None


def test_a_stream_cut_inside_a_frame_is_a_lost_connection(pair: Pair, signals: Signals) -> None:
    reply, engine = pair
    engine.sendall(frame(1, b"abc")[:-1])
    engine.close()
    with pytest.raises(ClientError, match="the connection to the engine was lost") as caught:
        Session(Streams(reply, False, None), signals).run(None)
    assert caught.value.code == 125


def test_the_end_is_known_once_the_wait_is_answered(pair: Pair, signals: Signals) -> None:
    reply, engine = pair
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"{}")
        engine.close()
        assert Session(Streams(reply, True, None), signals, Reply(ours)).run(None)


def test_without_an_answer_to_the_wait_patience_ends(pair: Pair, signals: Signals) -> None:
    reply, engine = pair
    ours, theirs = socket.socketpair()
    with ours, theirs:
        engine.close()
        assert not Session(Streams(reply, True, None), signals, Reply(ours)).run(0.01)


def test_signals_are_forwarded_and_new_sizes_told(pair: Pair, signals: Signals) -> None:
    reply, engine = pair
    forwarded: list[int] = []
    sizes: list[tuple[int, int]] = []

    def forward(number: int) -> None:
        forwarded.append(number)
        engine.close()

    def resize(rows: int, columns: int) -> None:
        sizes.append((rows, columns))
        if len(sizes) == 1:
            raise EngineError(409, "not running yet")
        signal.raise_signal(signal.SIGWINCH if len(sizes) == 2 else signal.SIGUSR1)

    Session(Streams(reply, True, None), signals, None, resize, forward, lambda: (24, 80)).run(None)
    assert forwarded == [signal.SIGUSR1]
    assert len(sizes) >= 3


def test_a_signal_for_a_container_that_has_ended_is_no_error() -> None:
    from client.address import parse
    from client.transport import Engine

    forwarder(Engine(parse("/no/such/socket")), "x")(15)
