"""Attached clients of a real container: order, half-close, back pressure, detach keys, FIFOs."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import threading
import time

import pytest

from restd.runtime.nursery import ShimRefused
from shim import protocol
from shim.protocol import Attach, LogSpec
from tests.shim.rig import LIMIT, Container, Rig, messages_in, payloads, scenario, until

BOTH = Attach(stdout=True, stderr=True)
TALK = Attach(stdin=True, stdout=True, stderr=True)


RAW = Attach(stdin=True, stdout=True, framed=False)


@scenario
async def test_streams_are_framed_apart_and_in_order(rig: Rig) -> None:
    peer = rig.peer(BOTH)
    container = await rig.create(["sh", "-c", "echo one; echo two >&2; echo three"], attaches=[peer])
    await container.start()
    assert await asyncio.to_thread(peer.read_streams) == {1: b"one\nthree\n", 2: b"two\n"}


@scenario
async def test_only_the_streams_asked_for_are_sent(rig: Rig) -> None:
    peer = rig.peer(Attach(stderr=True))
    container = await rig.create(["sh", "-c", "echo one; echo two >&2"], attaches=[peer])
    await container.start()
    assert await asyncio.to_thread(peer.read_streams) == {2: b"two\n"}


@scenario
async def test_early_bytes_come_before_those_sent_later(rig: Rig) -> None:
    early = base64.b64encode(b"early ").decode()
    peer = rig.peer(Attach(stdin=True, stdout=True, early=early, head="HTTP/1.1 101 UPGRADED\r\n\r\n"))
    container = await rig.create(["cat"], attaches=[peer], stdin=True, stdin_once=True)
    peer.send(b"late")
    peer.half_close()
    await container.start()
    head, _, stream = (await asyncio.to_thread(peer.read_all)).partition(b"\r\n\r\n")
    assert head == b"HTTP/1.1 101 UPGRADED"
    assert payloads(stream) == {1: b"early late"}


@scenario
@pytest.mark.parametrize("log", ["none", "json-file"])
async def test_fifty_megabytes_through_cat_come_back_whole(rig: Rig, log: str) -> None:
    data = os.urandom(1 << 20) * 50
    peer = rig.peer(TALK)
    container = await rig.create(["cat"], attaches=[peer], stdin=True, stdin_once=True, log=LogSpec(driver=log))
    await container.start()

    def feed() -> None:
        peer.send(data)
        peer.half_close()

    feeder = threading.Thread(target=feed)
    feeder.start()
    streams = await asyncio.to_thread(peer.read_streams)
    feeder.join()
    assert hashlib.sha256(streams[1]).digest() == hashlib.sha256(data).digest()


@scenario
async def test_without_stdin_once_a_leaving_client_leaves_the_input_open(rig: Rig) -> None:
    first, second = rig.peer(TALK), rig.peer(TALK)
    container = await rig.create(["cat"], attaches=[first], stdin=True)
    await container.start()
    first.send(b"a\n")
    await asyncio.to_thread(first.read_until, b"a\n")
    first.half_close()
    await container.attach(second)
    second.send(b"b\n")
    await asyncio.to_thread(second.read_until, b"b\n")
    assert await asyncio.to_thread(first.read_until, b"b\n"), "output goes on after the client's half-close"
    assert container.link is not None
    await container.link.request(protocol.OP_CLOSE_STDIN)
    assert (await container.exited()).exit_code == 0


@scenario
async def test_stdin_once_ends_the_input_when_the_client_vanishes(rig: Rig) -> None:
    peer = rig.peer(TALK)
    container = await rig.create(["cat"], attaches=[peer], stdin=True, stdin_once=True)
    await container.start()
    peer.send(b"a\n")
    await asyncio.to_thread(peer.read_until, b"a\n")
    peer.close()
    assert (await container.exited()).exit_code == 0


@scenario
async def test_input_sent_before_a_vanishing_reaches_the_container(rig: Rig) -> None:
    peer = rig.peer(TALK)
    container = await rig.create(
        ["sh", "-c", "sleep 0.2; cat"], attaches=[peer], stdin=True, stdin_once=True, log=LogSpec()
    )
    await container.start()
    peer.send(b"last words\n")
    peer.close()
    assert (await container.exited()).exit_code == 0
    assert container.logged() == "last words\n"


@scenario
async def test_input_of_a_closed_stdin_is_discarded_and_the_client_stays(rig: Rig) -> None:
    peer = rig.peer(TALK)
    container = await rig.create(["sh", "-c", "sleep 0.2; cat; echo end"], attaches=[peer])
    await container.start()
    peer.send(b"x" * 300_000)
    assert await asyncio.to_thread(peer.read_streams) == {1: b"end\n"}


@scenario
async def test_sixteen_clients_see_the_same_and_the_seventeenth_is_told_why_not(rig: Rig) -> None:
    peers = [rig.peer(BOTH) for _ in range(16)]
    container = await rig.create(["sh", "-c", "seq 1 20000; seq 1 20000 >&2"], attaches=peers[:8])
    for peer in peers[8:]:
        await container.attach(peer)
    with pytest.raises(ShimRefused, match="limit is 16"):
        await container.attach(rig.peer(BOTH))
    assert "limit is 16" in messages_in(f"{container.state}/{protocol.ATTACH_LOG}")[-1]["msg"]
    await container.start()
    seen = await asyncio.gather(*(asyncio.to_thread(peer.read_streams) for peer in peers))
    wanted = "".join(f"{number}\n" for number in range(1, 20001)).encode()
    assert all(streams == {1: wanted, 2: wanted} for streams in seen)


@scenario
@pytest.mark.parametrize("log", ["none", "json-file"])
async def test_a_client_that_stops_reading_holds_the_container_and_costs_nobody_a_byte(rig: Rig, log: str) -> None:
    slow, quick = rig.peer(BOTH), rig.peer(BOTH)
    size = 20_000_000
    command = f"yes 0123456789abcdef | head -c {size}; echo done >&2"
    container = await rig.create(["sh", "-c", command], attaches=[slow, quick], log=LogSpec(driver=log))
    await container.start()
    received = bytearray()
    reader = threading.Thread(target=quick.read_into, args=[received])
    reader.start()
    before = await stable(lambda: len(received))
    assert before < 8_000_000, "the container was not held back"
    assert memory(container) < 12_000, "memory grew for the slow client"
    slow_streams = await asyncio.to_thread(slow.read_streams)
    await asyncio.to_thread(reader.join)
    assert len(slow_streams[1]) == size
    assert slow_streams[2] == b"done\n"
    assert payloads(bytes(received)) == {1: slow_streams[1], 2: b"done\n"}


@scenario
async def test_a_client_that_vanishes_while_it_blocks_is_dropped_at_once(rig: Rig) -> None:
    slow, quick = rig.peer(BOTH), rig.peer(BOTH)
    container = await rig.create(["sh", "-c", "yes | head -c 20000000"], attaches=[slow, quick])
    await container.start()
    received = bytearray()
    reader = threading.Thread(target=quick.read_into, args=[received])
    reader.start()
    assert await stable(lambda: len(received)) < 8_000_000
    slow.close()
    await asyncio.to_thread(reader.join)
    assert len(received) > 20_000_000


@scenario
async def test_a_lone_blocked_client_that_joins_another_finishes_its_frame(rig: Rig) -> None:
    """The splice path hands over to copying in the middle of a frame."""
    first, second = rig.peer(BOTH), rig.peer(BOTH)
    size = 30_000_000
    container = await rig.create(["sh", "-c", f"yes abcdefg | head -c {size}; echo end >&2"], attaches=[first])
    await container.start()
    await asyncio.to_thread(first.socket.recv, 1000, 0x2)  # MSG_PEEK: it flows, and will soon stand still
    await asyncio.to_thread(time.sleep, 0.1)
    await container.attach(second)
    results = await asyncio.gather(*(asyncio.to_thread(peer.read_streams) for peer in (first, second)))
    assert results[0][1] == b"abcdefg\n" * (size // 8)
    assert results[0][2] == results[1][2] == b"end\n"
    assert results[0][1].endswith(results[1][1])


async def stable(value: object, seconds: float = 0.5) -> int:
    """The value once it has not changed for a while: the container stands still."""
    assert callable(value)
    last, since = -1, time.monotonic()
    deadline = since + LIMIT
    while time.monotonic() - since < seconds or last <= 0:
        assert time.monotonic() < deadline
        if (now := int(value())) != last:
            last, since = now, time.monotonic()
        await asyncio.sleep(0.02)
    return last


def memory(container: Container) -> int:
    """Private memory of the shim in KiB."""
    assert container.born is not None
    with open(f"/proc/{container.born.shim_pid}/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith(("Private_Dirty", "Private_Clean")))


# -- terminals ---------------------------------------------------------------------------------------------------------


@scenario
@pytest.mark.parametrize("runtime", ["runc", "crun"])
async def test_a_terminal_has_its_size_before_the_process_starts(rig: Rig, runtime: str) -> None:
    peer = rig.peer(RAW)
    container = await rig.create(["stty", "size"], attaches=[peer], tty=True, stdin=True, console_size=[33, 77])
    await container.start()
    assert await asyncio.to_thread(peer.read_all) == b"33 77\r\n"


@scenario
async def test_a_resize_reaches_the_process(rig: Rig) -> None:
    peer = rig.peer(RAW)
    command = "trap 'stty size; exit 3' WINCH; echo ready; while :; do sleep 0.05; done"
    container = await rig.create(["sh", "-c", command], attaches=[peer], tty=True, stdin=True)
    await container.start()
    await asyncio.to_thread(peer.read_until, b"ready")
    assert container.link is not None
    await container.link.request(protocol.OP_RESIZE, {"height": 40, "width": 100})
    await asyncio.to_thread(peer.read_until, b"40 100\r\n")
    assert (await container.exited()).exit_code == 3


@scenario
async def test_a_nonsense_size_and_a_missing_terminal_are_refused(rig: Rig) -> None:
    container = await rig.create(["sleep", "100"])
    assert container.link is not None
    for fields in ({"height": 1, "width": 1}, {"height": -1, "width": 1}, {"height": 70000, "width": 1}, {"width": 1}):
        with pytest.raises(ShimRefused):
            await container.link.request(protocol.OP_RESIZE, fields)


@scenario
async def test_the_magic_keys_end_that_attach_alone(rig: Rig) -> None:
    keys = [16, 17]
    leaving = rig.peer(Attach(stdin=True, stdout=True, framed=False, detach_keys=keys))
    staying = rig.peer(Attach(stdin=True, stdout=True, framed=False, detach_keys=keys))
    container = await rig.create(["cat"], attaches=[leaving, staying], tty=True, stdin=True, stdin_once=True)
    await container.start()
    leaving.send(b"a\x10b\n")
    echoed = await asyncio.to_thread(leaving.read_until, b"b\r\n")
    assert echoed.startswith(b"a")
    leaving.send(b"\x10")
    leaving.send(b"\x11")
    await asyncio.to_thread(leaving.read_all)
    staying.send(b"still here\n")
    await asyncio.to_thread(staying.read_until, b"still here\r\n")
    assert container.link is not None
    async for news in container.link.news():
        assert news.what == "detach"
        break
    again = await container.attach(rig.peer(RAW))
    again.send(b"back\n\x04")
    await asyncio.to_thread(again.read_until, b"back\r\n")
    assert (await container.exited()).exit_code == 0


@scenario
async def test_without_a_terminal_the_magic_keys_are_bytes(rig: Rig) -> None:
    peer = rig.peer(Attach(stdin=True, stdout=True, detach_keys=[16, 17]))
    container = await rig.create(["cat"], attaches=[peer], stdin=True, stdin_once=True)
    await container.start()
    peer.send(b"\x10\x11")
    peer.half_close()
    assert await asyncio.to_thread(peer.read_streams) == {1: b"\x10\x11"}


# -- the head ----------------------------------------------------------------------------------------------------------


@scenario
async def test_no_stream_byte_comes_with_the_head(rig: Rig) -> None:
    """A client that reads the head late, but within the time, finds only the head in its first read."""
    container = await rig.create(["sh", "-c", "while :; do echo x; done"])
    await container.start()
    head = "HTTP/1.1 101 UPGRADED\r\n\r\n"
    alone = 0
    for _ in range(20):
        peer = rig.peer(Attach(stdout=True, head=head))
        attach = asyncio.create_task(container.attach(peer))
        first = await asyncio.to_thread(peer.socket.recv, 65536)
        alone += first == head.encode()
        await attach
        peer.close()
    assert alone >= 19, "on a busy machine one may come late"


# -- the original form -------------------------------------------------------------------------------------------------


async def original(container: Container, words: bytes) -> bytes:
    """Send the original form of a request; the answer's bytes."""
    folder = os.open(container.state, os.O_PATH)
    try:
        reader, writer = await asyncio.open_unix_connection(f"/proc/self/fd/{folder}/{protocol.ATTACH_SOCKET}")
        try:
            writer.write(words)
            return await reader.read()
        finally:
            writer.close()
    finally:
        os.close(folder)


@scenario
async def test_three_fifos_are_an_attach(rig: Rig) -> None:
    container = await rig.create(["sh", "-c", "cat; echo bad >&2"], stdin=True, stdin_once=True)
    paths = [f"{rig.folder}/{name}" for name in ("in", "out", "err")]
    for path in paths:
        os.mkfifo(path)
    ends = [os.open(path, os.O_RDWR | os.O_NONBLOCK) for path in paths]
    assert await original(container, " ".join(paths).encode()) == (0).to_bytes(4, "little")
    await container.start()
    os.write(ends[0], b"hello\n")
    assert await read_fifo(ends[1], 6) == b"hello\n"
    os.close(ends[0])
    assert await read_fifo(ends[2], 4) == b"bad\n"
    assert (await container.exited()).exit_code == 0
    os.close(ends[1])
    os.close(ends[2])


async def read_fifo(descriptor: int, size: int) -> bytes:
    data = b""

    def more() -> bool:
        nonlocal data
        with contextlib.suppress(BlockingIOError):
            data += os.read(descriptor, size - len(data))
        return len(data) == size

    await until(more)
    return data


@scenario
async def test_junk_on_the_attach_socket_is_refused(rig: Rig) -> None:
    container = await rig.create(["sleep", "100"])
    refused = (-1).to_bytes(4, "little", signed=True)
    plain = f"{rig.folder}/plain"
    os.close(os.open(plain, os.O_CREAT))
    for words in (
        b"junk",
        b"a b c d",
        b"- - -",
        b"relative - -",
        f"{plain} - -".encode(),
        b"- /nonexistent -",
        b"{}\n",
        b"{not json}\n",
        b'{"v":1,"op":"explode"}\n',
        b'{"v":99,"op":"ping"}\n',
        b'{"v":1,"op":"attach"}\n',
        b'{"v":1,"op":"resize","height":"x","width":[]}\n',
    ):
        assert await original(container, words) == refused, words[:40]
    with contextlib.suppress(ConnectionError):  # what was not read resets the connection
        assert await original(container, b"{" + b"x" * 2_000_000) in (refused, b"")
    assert await original(container, b'{"v":1,"op":"ping"}\n') == (0).to_bytes(4, "little")
    mode = os.stat(f"{container.state}/{protocol.ATTACH_SOCKET}").st_mode & 0o777
    assert mode == 0o600
