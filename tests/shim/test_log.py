"""The json-file log of a real container: content, rotation, a full disk, replay, the doorbell."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess

import pytest

from restd.runtime.nursery import ShimRefused
from shim import protocol
from shim.protocol import Attach, LogSpec
from tests.shim.rig import Container, Rig, messages_in, payloads, scenario, until

LOG = LogSpec()


@scenario
async def test_messages_have_their_stream_and_strictly_increasing_times(rig: Rig) -> None:
    container = await rig.create(["sh", "-c", "seq 1 3000; echo bad >&2; echo -n tail"], log=LOG)
    await container.start()
    await container.exited()
    messages = container.messages()
    assert container.logged() == "".join(f"{number}\n" for number in range(1, 3001)) + "tail"
    assert container.logged("stderr") == "bad\n"
    times = [message["time"] for message in messages]
    assert times == sorted(set(times))


@scenario
async def test_a_long_line_is_split_and_a_partial_one_joined(rig: Rig) -> None:
    line = "x" * 40000
    container = await rig.create(["sh", "-c", f"echo -n a; sleep 0.1; echo b; echo {line}"], log=LOG)
    await container.start()
    await container.exited()
    assert [len(message["log"]) for message in container.messages()] == [3, 16384, 16384, 40001 - 2 * 16384]


@scenario
async def test_rotation_keeps_the_size_and_the_number_of_files(rig: Rig) -> None:
    container = await rig.create(["seq", "1", "20000"], log=LogSpec(max_size=100_000, max_files=3))
    await container.start()
    await container.exited()
    files = [f"{container.log}.2", f"{container.log}.1", container.log]
    assert sorted(os.listdir(container.bundle)) == sorted(["config.json", *map(os.path.basename, files)])
    assert all(os.path.getsize(path) <= 100_000 for path in files)
    kept = [int(message["log"]) for path in files for message in messages_in(path)]
    assert kept == list(range(kept[0], 20001))


@scenario
async def test_a_replay_is_the_whole_log_and_the_stream_goes_on_from_there(rig: Rig) -> None:
    """Clients come while the container writes and the log rotates: none sees a gap or a repeat."""
    command = "i=0; while [ $i -lt 40000 ]; do i=$((i+1)); echo $i; done; echo -n end"
    container = await rig.create(["sh", "-c", command], log=LogSpec(max_size=3_000_000, max_files=3))
    await container.start()
    readers = []
    for number in range(10):
        await until(lambda number=number: written(container) > number * 100_000)  # type: ignore[misc]  # bound at once
        peer = await container.attach(rig.peer(Attach(stdout=True, replay=True)))
        readers.append(asyncio.create_task(asyncio.to_thread(peer.read_streams)))
    wanted = "".join(f"{number}\n" for number in range(1, 40001)).encode() + b"end"
    for streams in await asyncio.gather(*readers):
        assert streams == {1: wanted}


def written(container: Container) -> int:
    return sum(os.path.getsize(path) for path in (container.log, f"{container.log}.1") if os.path.exists(path))


@scenario
async def test_a_replay_continues_an_unfinished_line(rig: Rig) -> None:
    container = await rig.create(["sh", "-c", "echo one; echo -n two; cat"], stdin=True, log=LOG)
    await container.start()
    await until(lambda: os.path.exists(container.log) and os.path.getsize(container.log) > 0)
    first = await container.attach(rig.peer(Attach(stdin=True, stdout=True, replay=True, framed=False)))
    assert await asyncio.to_thread(first.read_until, b"two") == b"one\ntwo"
    second = await container.attach(rig.peer(Attach(stdout=True, replay=True, framed=False)))
    assert await asyncio.to_thread(second.read_until, b"two") == b"one\ntwo"
    first.send(b" three\n")
    assert await asyncio.to_thread(second.read_until, b"\n") == b" three\n"


@scenario
async def test_a_replay_without_following_ends(rig: Rig) -> None:
    container = await rig.create(["sh", "-c", "echo out; echo err >&2; exec sleep 100"], log=LOG)
    await container.start()
    await until(lambda: os.path.exists(container.log) and len(container.messages()) == 2)
    peer = await container.attach(rig.peer(Attach(stderr=True, replay=True, follow=False)))
    assert await asyncio.to_thread(peer.read_streams) == {2: b"err\n"}
    peer = await container.attach(rig.peer(Attach(stdout=True, follow=False)))
    assert await asyncio.to_thread(peer.read_streams) == {}


@scenario
async def test_the_doorbell_rings_on_growth_and_ends_with_the_log(rig: Rig) -> None:
    container = await rig.create(["cat"], stdin=True, stdin_once=True, log=LOG)
    await container.start()
    assert container.link is not None
    bells = container.link.log_watch()
    await anext(bells)
    peer = await container.attach(rig.peer(Attach(stdin=True, stdout=True)))
    peer.send(b"line\n")
    await anext(bells)
    assert container.logged() == "line\n"
    peer.half_close()
    assert [bell async for bell in bells] in ([], [None])
    assert (await container.exited()).exit_code == 0


@scenario
async def test_without_a_log_there_is_nothing_to_watch(rig: Rig) -> None:
    container = await rig.create(["sleep", "100"], log=LogSpec(driver="none"))
    assert container.link is not None
    with pytest.raises(ShimRefused, match="no log"):
        await anext(container.link.log_watch())


@scenario
async def test_a_log_that_was_moved_away_is_reopened(rig: Rig) -> None:
    container = await rig.create(["cat"], stdin=True, log=LOG)
    await container.start()
    peer = await container.attach(rig.peer(Attach(stdin=True, stdout=True)))
    peer.send(b"old\n")
    await until(lambda: "old" in container.logged())
    os.rename(container.log, f"{container.log}.moved")
    assert container.link is not None
    await container.link.request(protocol.OP_REOPEN_LOG)
    peer.send(b"new\n")
    await until(lambda: "new" in container.logged())
    assert [message["log"] for message in messages_in(f"{container.log}.moved")] == ["old\n"]


@scenario
async def test_a_full_disk_never_stops_the_container_and_the_loss_is_noted(rig: Rig) -> None:
    disk = f"{rig.folder}/disk"
    os.makedirs(disk)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], check=True)
    try:
        peer = rig.peer(Attach(stdin=True, stdout=True))
        container = await rig.create(
            ["sh", "-c", "seq 1 50000; read x; echo after"],
            attaches=[peer],
            stdin=True,
            log=LogSpec(path=f"{disk}/console.log"),
            keep_log_path=True,
        )
        with open(f"{disk}/ballast", "wb") as file:
            file.write(bytes(100_000))
        await container.start()
        await asyncio.to_thread(peer.read_until, b"50000\n")
        assert container.link is not None
        await until(lambda: os.path.getsize(f"{disk}/console.log") > 100_000)
        os.unlink(f"{disk}/ballast")
        peer.send(b"go\n")
        assert (await container.exited()).exit_code == 0
        messages = messages_in(f"{disk}/console.log")
        lost = next(message for message in messages if "lost" in message["log"])
        kept = [message for message in messages if message["stream"] == "stdout"]
        assert int(lost["log"].split()[0]) == 50000 + 1 - len(kept)
        assert kept[-1]["log"] == "after\n"
        assert [json.loads(json.dumps(message)) for message in messages] == messages, "no torn line"
    finally:
        subprocess.run(["umount", disk], check=True)


@scenario
async def test_attached_clients_do_not_change_what_is_logged(rig: Rig) -> None:
    peer = rig.peer(Attach(stdout=True, stderr=True))
    data = "".join(f"{number} <&> é\n" for number in range(3000))
    path = f"{rig.folder}/text"
    with open(path, "w") as file:
        file.write(data)
    container = await rig.create(["cat"], attaches=[peer], stdin=True, stdin_once=True, log=LOG)
    await container.start()
    feeder = await container.attach(rig.peer(Attach(stdin=True)))
    feeder.send(data.encode())
    assert container.link is not None
    await container.link.request(protocol.OP_CLOSE_STDIN)
    assert payloads(await asyncio.to_thread(peer.read_all)) == {1: data.encode()}
    assert container.logged() == data
