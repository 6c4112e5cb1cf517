import asyncio
import os
import socket

import pytest

from restd.container import held
from restd.container.held import EARLY_LIMIT, HangupWatch, handed, release, wait_body
from restd.container.registry import Held
from restd.errors import Conflict
from restd.lib.tasks import TaskGroup
from shim.protocol import Attach, Wait
from tests.unit.restd.container.clients import Place, container, entry, until


def pair(request: Attach | Wait) -> tuple[socket.socket, Held]:
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    return ours, Held(theirs.detach(), request)


def test_a_client_that_leaves_is_dropped_and_one_that_half_closes_is_not() -> None:
    async def scenario() -> None:
        place, box = Place(), entry(container())
        (gone, first), (half, second) = pair(Wait()), pair(Attach())
        place.hangups.hold(box, first)
        place.hangups.hold(box, second)
        half.shutdown(socket.SHUT_WR)
        gone.close()
        await until(lambda: len(box.held) == 1)
        assert box.held == [second]
        assert first.descriptor == -1
        assert len(place.hangups) == 1
        second.close()
        assert len(place.hangups) == 0
        half.close()
        await place.close()

    asyncio.run(scenario())


def test_what_a_client_sends_is_left_for_the_shim() -> None:
    async def scenario() -> None:
        place, box = Place(), entry(container())
        client, kept = pair(Attach())
        place.hangups.hold(box, kept)
        client.sendall(b"typed before the start")
        await asyncio.sleep(0)
        assert os.read(kept.descriptor, 100) == b"typed before the start"
        kept.close()
        client.close()
        await place.close()

    asyncio.run(scenario())


def test_a_birth_takes_attaches_then_waits_unwatched() -> None:
    async def scenario() -> None:
        place, box = Place(), entry(container())
        clients = []
        for request in (Wait(removed=True), Attach(stdout=True), Wait(), Attach(stdin=True)):
            client, kept = pair(request)
            clients.append(client)
            place.hangups.hold(box, kept)
        given, taken = handed(box)
        assert box.held == []
        assert given.attaches == [Attach(stdout=True), Attach(stdin=True)]
        assert given.waits == [Wait(removed=True), Wait()]
        assert list(given.descriptors) == [kept.descriptor for kept in taken]
        assert len(place.hangups) == 0
        clients[1].close()  # its client leaves during the birth: the descriptors stay what they are
        await asyncio.sleep(0)
        assert taken[0].descriptor >= 0
        held.close(taken)
        assert all(kept.descriptor == -1 for kept in taken)
        for client in clients:
            client.close()
        await place.close()

    asyncio.run(scenario())


def test_a_removal_answers_waits_and_ends_streams() -> None:
    async def scenario() -> None:
        place, box = Place(), entry(container())
        (waiting, first), (attached, second) = pair(Wait()), pair(Attach())
        place.hangups.hold(box, first)
        place.hangups.hold(box, second)
        release(box, 42)
        assert waiting.recv(1000) == wait_body(42)
        assert waiting.recv(1) == b""
        assert attached.recv(1) == b""
        waiting.close()
        attached.close()
        await place.close()

    asyncio.run(scenario())


def test_the_answer_of_a_wait_is_one_chunk_and_the_last() -> None:
    assert wait_body(137) == b'13\r\n{"StatusCode":137}\n\r\n0\r\n\r\n'


def test_there_are_limits_for_each_kind() -> None:
    async def scenario() -> None:
        hangups, box = HangupWatch(TaskGroup("test"), attach_limit=1), entry(container())
        client, kept = pair(Attach())
        hangups.hold(box, kept)
        with pytest.raises(Conflict, match="too many attaches: 1"):
            hangups.check(box, Attach)
        hangups.check(box, Wait)
        with pytest.raises(Conflict, match="bytes of input"):
            hangups.check(entry(container()), Attach, EARLY_LIMIT + 1)
        kept.close()
        client.close()
        hangups.close()

    asyncio.run(scenario())


def test_closing_the_watch_leaves_the_connections_to_their_containers() -> None:
    async def scenario() -> None:
        place, box = Place(), entry(container())
        client, kept = pair(Attach())
        place.hangups.hold(box, kept)
        await place.close()
        assert box.held[0].descriptor >= 0
        kept.close()
        client.close()

    asyncio.run(scenario())
