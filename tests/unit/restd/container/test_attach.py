import asyncio
import base64
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from restd.container.attach import attach
from restd.container.registry import Entry
from restd.errors import Conflict, InvalidParameter, NotFound, NotImplementedYet
from restd.model.connection import AttachOptions
from restd.model.container import HostConfig, LogConfig, Status
from restd.runtime.nursery import ShimGone, ShimRefused
from shim.protocol import OP_ATTACH
from tests.unit.restd.container.clients import BASE, Client, Heads, Place, Shim, container, entry, until
from tests.unit.restd.logs.written import numbered, texts

STREAM = AttachOptions(stream=True, stdin=True, stdout=True, stderr=True)
TTY = replace(BASE.config, tty=True)


def run(
    box: Entry, client: Client, options: AttachOptions = STREAM, then: Callable[[Place], Awaitable[Any]] | None = None
) -> Place:
    place = Place()

    async def scenario() -> None:
        try:
            await attach(box, options, client, Heads(), place.held, place.tasks, place.announced)  # type: ignore[arg-type]
            if then is not None:
                await then(place)
        finally:
            await place.tasks.drain(5)
            await place.close()

    asyncio.run(scenario())
    return place


def test_a_running_containers_shim_gets_the_connection_with_head_and_early_bytes() -> None:
    shim, client = Shim(), Client(b"typed ahead")
    place = run(entry(container(Status.RUNNING), shim), client)
    op, fields = shim.asked[0]
    assert op == OP_ATTACH
    assert fields["head"] == "<101 framed>"
    assert base64.b64decode(fields["early"]) == b"typed ahead"
    assert (fields["stdin"], fields["stdout"], fields["stderr"], fields["detach_keys"]) == (True, True, True, [])
    assert client.released
    assert client.rest() == b"<shim>", "nobody else writes, and our copies are closed"
    assert place.announced.actions == ["attach"]
    client.close()


def test_on_a_terminal_the_stream_is_raw_and_has_magic_keys() -> None:
    shim, client = Shim(), Client(upgrade=False)
    run(entry(container(Status.RUNNING, config=TTY), shim), client, replace(STREAM, detach_keys="ctrl-a,x"))
    assert shim.asked[0][1]["head"] == "<200 raw>"
    assert shim.asked[0][1]["detach_keys"] == [1, 120]
    client.close()


def test_a_refusal_of_the_shim_leaves_the_connection_to_the_door() -> None:
    client = Client()
    with pytest.raises(Conflict, match="too many attaches"):
        run(entry(container(Status.RUNNING), Shim(ShimRefused("too many attaches"))), client)
    assert not client.released
    client.close()


@pytest.mark.parametrize(
    ("status", "text"),
    [(Status.PAUSED, "is paused, unpause"), (Status.RESTARTING, "is restarting"), (Status.REMOVING, "for removal")],
)
def test_some_states_refuse(status: Status, text: str) -> None:
    client = Client()
    with pytest.raises(Conflict, match=text):
        run(entry(container(status), Shim()), client)
    assert not client.released
    client.close()


def test_wrong_keys_are_refused_before_anything_else() -> None:
    client = Client()
    with pytest.raises(InvalidParameter, match="Invalid detach keys"):
        run(entry(container()), client, replace(STREAM, detach_keys="ctrl-!"))
    client.close()


def test_before_a_start_the_head_is_sent_and_the_connection_kept() -> None:
    box, client = entry(container()), Client(b"early")
    run(box, client)
    assert client.end.recv(100) == b"<101 framed>"
    kept = box.held[0].request
    assert kept.head == ""
    assert base64.b64decode(kept.early) == b"early"  # type: ignore[union-attr]  # an Attach
    assert client.released
    os.close(box.held[0].descriptor)
    assert client.rest() == b""
    client.close()


def test_the_limit_of_attaches_holds_before_a_start_too() -> None:
    box = entry(container())
    clients = [Client() for _ in range(17)]
    for client in clients[:16]:
        run(box, client)
    with pytest.raises(Conflict, match="too many attaches: 16"):
        run(box, clients[16])
    assert not clients[16].released
    for held in box.held:
        os.close(held.descriptor)
    for client in clients:
        client.close()


def test_nothing_asked_is_a_head_and_the_end() -> None:
    client = Client()
    run(entry(container(Status.RUNNING), Shim()), client, AttachOptions(stdout=True))
    assert client.rest() == b"<101 framed>"
    client.close()


def test_the_log_alone_of_a_stopped_container(tmp_path: Path) -> None:
    (tmp_path / "console.log").write_bytes(numbered(0, 5))
    box, client = entry(container(Status.EXITED, config=TTY, directory=str(tmp_path))), Client()
    run(box, client, AttachOptions(logs=True, stdout=True))
    assert client.rest() == b"<101 raw>" + texts(0, 5)
    assert box.held == []
    client.close()


def test_the_log_first_and_then_kept_for_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "console.log").write_bytes(numbered(0, 5))
    box, client = entry(container(Status.EXITED, config=TTY, directory=str(tmp_path))), Client()
    run(box, client, replace(STREAM, logs=True))
    assert not box.held[0].request.replay  # type: ignore[union-attr]  # an Attach
    os.close(box.held[0].descriptor)
    assert client.rest() == b"<101 raw>" + texts(0, 5)
    client.close()


def test_the_log_of_a_running_container_is_replayed_by_its_shim() -> None:
    shim, client = Shim(), Client()
    run(entry(container(Status.RUNNING), shim), client, AttachOptions(logs=True, stdout=True))
    assert (shim.asked[0][1]["replay"], shim.asked[0][1]["follow"]) == (True, False)
    client.close()


def test_no_log_no_replay() -> None:
    silent = HostConfig(log_config=LogConfig("none"))
    client = Client()
    with pytest.raises(NotImplementedYet, match="does not support reading"):
        run(entry(container(host_config=silent)), client, replace(STREAM, logs=True))
    client.close()


def test_a_container_that_ends_just_now_is_a_stream_that_ends() -> None:
    box, client = entry(container(Status.RUNNING), Shim(ShimGone("gone"))), Client()
    run(box, client)
    assert client.rest() == b"<101 framed>"
    assert box.held == []
    client.close()


def test_one_that_is_removed_while_we_wait_for_it_is_not_there() -> None:
    box, client = entry(container()), Client()
    box.removed.set()
    with pytest.raises(NotFound):
        run(box, client)
    assert not client.released
    client.close()


def test_one_that_is_started_while_we_wait_for_it_is_attached_to() -> None:
    box, client, shim = entry(container()), Client(), Shim()

    async def scenario() -> None:
        place = Place()
        await box.lock.acquire()
        going = asyncio.ensure_future(
            attach(box, STREAM, client, Heads(), place.held, place.tasks, place.announced)  # type: ignore[arg-type]
        )
        await until(lambda: box.lock._waiters)
        box.container, box.link = container(Status.RUNNING), shim  # type: ignore[assignment]
        box.lock.release()
        await going
        await place.close()

    asyncio.run(scenario())
    assert shim.asked
    client.close()
