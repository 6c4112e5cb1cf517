"""Runs the shim's everyday code a few times before the first fork, so that the forks share what it leaves behind.

CPython rewrites a function's code while it is new: it counts calls, then specialises instructions and fills caches in
place. After a fork each such write costs a page of private memory in every shim. Done here once, in the nursery, it is
inherited. Worth nearly half of a shim's private memory (`tests/bench/shim_bench.py`).
"""

from __future__ import annotations

import os
import socket
import sys

from shim import folder, jsonlog, life, oom, protocol
from shim.attach import Attached, Client
from shim.detach import DetachKeys
from shim.loop import READ, Loop
from shim.midwife import Report, Send
from shim.process import Stdio
from shim.protocol import Attach, Birth, Born, ExitRecord, LogSpec, News, ProcessSpec, Wait
from shim.streams import Streams
from shim.waits import Waits

ROUNDS = 24
"""Calls until CPython 3.11 has specialised an instruction: 8 until it is adaptive, 16 until it is specialised."""


PATIENCE = 1.0
"""Seconds until a rehearsed birth that has come to a stop is given up."""


def fill_holes() -> list[list[bytes]]:
    """Take all free blocks that imports have left scattered over the heap; the result must be kept.

    CPython keeps small objects in pools of one size class each (16 to 512 bytes). A fork that fills holes in old pools
    copies a page for nearly every object; from fresh pools it gets dozens of objects a page. A class is full when as
    many blocks as make a pool came one behind the other.
    """
    kept = []
    for size in range(_BYTES_HEAD + 16 - _BYTES_HEAD % 16, 513, 16):
        blocks: list[bytes] = []
        run, last = 0, 0
        while run < _POOL // size - 2 and len(blocks) < _HOLES_LIMIT:
            blocks.append(bytes(size - _BYTES_HEAD))
            run = run + 1 if id(blocks[-1]) == last + size else 0
            last = id(blocks[-1])
        del blocks[len(blocks) - run :]
        kept.append(blocks)
    return kept


_BYTES_HEAD = sys.getsizeof(b"")
_POOL = 16 << 10
_HOLES_LIMIT = 4_000


class _Log:
    """An encoder without a file."""

    def __init__(self, endings: list[bytes]) -> None:
        self._encoder = jsonlog.Encoder(jsonlog.Clock(), endings)

    def append(self, stream: int, chunk: bytes) -> None:
        """Encode and forget."""
        for _ in self._encoder.feed(stream, chunk):
            pass

    def end(self, stream: int) -> None:
        """Encode and forget."""
        self._encoder.finish(stream)


def rehearse(endings: list[bytes], state: str) -> None:
    """Play births and a client that attaches, types, reads and leaves, ROUNDS times.

    `state`: where the run-time folder of the births may be made; it is gone afterwards.
    """
    for _ in range(ROUNDS):
        _messages()
        _session(_Log(endings))
        _session(None)
    place = f"{state}/rehearsal-{os.getpid()}"
    os.mkdir(place, 0o700)
    here = os.open(".", os.O_PATH | os.O_CLOEXEC)
    try:
        os.chdir(place)
        os.mkfifo(protocol.EXIT_FIFO, 0o600)
        _births(endings, place)
        os.unlink(protocol.EXIT_FIFO)
    finally:
        os.fchdir(here)
        os.close(here)
        os.rmdir(place)


def _births(endings: list[bytes], place: str) -> None:
    """All that a shim does until its container runs, but for the runtime: a child that only ends stands for it."""
    held, holding = os.pipe2(os.O_CLOEXEC)
    container = os.fork()
    if container == 0:
        os.close(holding)
        os.read(held, 1)
        os._exit(0)
    file, unified = oom.find(folder.read_text("/proc/self/cgroup")) or ("", False)
    report = Report(container, 1, file, unified).encode()

    def send(_spec: ProcessSpec, _state: str, _stdio: Stdio, reporting: int, _asker: int) -> int:
        os.write(reporting, report)
        caller = os.fork()
        if caller == 0:
            os._exit(0)
        return caller

    try:
        for _ in range(ROUNDS):
            _birth(endings, place, send)
    finally:
        os.close(held)
        os.close(holding)
        os.waitpid(container, 0)


def _birth(endings: list[bytes], place: str, send: Send) -> None:
    answered, answering = os.pipe2(os.O_CLOEXEC)
    shim = life.Shim(ProcessSpec("x", ["x"], "/x", log=LogSpec(path="/x")), place, answering, endings, send)
    shim.loop.watch(answered, READ, lambda _: shim.loop.stop())
    shim.loop.later(PATIENCE, shim.loop.stop)
    shim.run(Birth(place), [])
    shim.close()
    os.close(answered)


def _messages() -> None:
    spec = ProcessSpec(id="x", runtime=["x"], bundle="/x", log=LogSpec(path="/x"), process={"args": ["x"]})
    protocol.decode(ProcessSpec, protocol.encode(spec))
    protocol.decode(Birth, protocol.encode(Birth("/x", [Attach()], [Wait()])))
    for message in (Born(ok=True), News("x"), ExitRecord(0, 1)):
        protocol.encode(message)


def _session(log: _Log | None) -> None:
    loop = Loop(_raise)
    streams = Streams(loop, log, loop.stop)
    output, written = os.pipe2(os.O_CLOEXEC)
    typed, entered = os.pipe2(os.O_CLOEXEC)
    streams.add_source(output, 1)
    streams.add_sink().open(entered)
    ours, theirs = socket.socketpair()
    waiting, held = socket.socketpair()
    with ours, waiting:
        waits = Waits(loop, _never, _nothing)
        waits.add(held.detach(), Wait())
        client = Client(
            loop,
            streams,
            theirs.detach(),
            Attach(stdin=True, stdout=True, stderr=True),
            ends_stdin=True,
            keys=DetachKeys(()),
            replay=None,
            on_detach=_nothing,
            on_end=_forget,
        )
        client.begin()
        ours.send(b"x")
        os.write(written, b"x\n")
        loop.later(0.0, lambda: os.close(written))
        loop.later(60.0, _nothing).cancel()
        loop.run()
        client.finish()
        waits.answer(ExitRecord(0, 1))
        client.drop()
    streams.close()
    os.close(typed)
    loop.close()


def _never() -> bool:
    return False


def _nothing() -> None:
    return


def _forget(_client: Attached) -> None:
    return


def _raise(error: Exception) -> None:
    raise error
