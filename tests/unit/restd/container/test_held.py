import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from restd.container.held import EARLY_LIMIT, wait_body
from restd.container.registry import Entry
from restd.errors import Conflict
from restd.model.container import State, Status
from restd.runtime.keeper import Kept
from shim.protocol import Attach, Wait
from tests.unit.restd.container.clients import Place, container, entry, until


class Clients:
    """Clients of one container in one daemon's life."""

    def __init__(self, place: Place, box: Entry) -> None:
        self.place, self.box = place, box
        self.ends: list[socket.socket] = []

    async def hold(self, request: Attach | Wait) -> socket.socket:
        """The client's end of a connection that is now held."""
        ours, theirs = socket.socketpair()
        ours.settimeout(5)
        self.ends.append(ours)
        await self.place.held.hold(self.box, theirs.detach(), request)
        return ours


def life(scenario: Callable[[Clients], Awaitable[None]], box: Entry | None = None) -> Callable[[], None]:
    """A test of `scenario`."""

    def run() -> None:
        async def main() -> None:
            clients = Clients(Place(), box or entry(container()))
            await scenario(clients)
            clients.place.held.close([clients.box])
            await clients.place.close()
            for end in clients.ends:
                end.close()

        asyncio.run(main())

    run.__name__ = scenario.__name__
    return run


@life
async def test_the_head_is_sent_and_not_again(clients: Clients) -> None:
    client = await clients.hold(Wait(head="HEAD"))
    assert client.recv(100) == b"HEAD"
    assert clients.box.held[0].request == Wait()


@life
async def test_a_client_that_leaves_is_dropped_and_one_that_half_closes_is_not(clients: Clients) -> None:
    gone, half = await clients.hold(Wait()), await clients.hold(Attach())
    first, second = clients.box.held
    half.shutdown(socket.SHUT_WR)
    gone.close()
    await until(lambda: len(clients.box.held) == 1)
    assert clients.box.held == [second]
    assert list(clients.place.keeper.kept) == [second.key]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(first.descriptor)


@life
async def test_a_client_that_has_left_already_is_not_held(clients: Clients) -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    descriptor = theirs.detach()
    await clients.place.held.hold(clients.box, descriptor, Wait(head="HEAD"))
    assert clients.box.held == []
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


@life
async def test_what_a_client_sends_is_left_for_the_shim(clients: Clients) -> None:
    client = await clients.hold(Attach())
    client.sendall(b"typed before the start")
    await asyncio.sleep(0)
    assert os.read(clients.box.held[0].descriptor, 100) == b"typed before the start"


@life
async def test_a_birth_takes_attaches_then_waits_unwatched(clients: Clients) -> None:
    held, box = clients.place.held, clients.box
    ends = [await clients.hold(one) for one in (Wait(removed=True), Attach(stdout=True), Wait(), Attach(stdin=True))]
    given, taken = held.take(box)
    assert box.held == []
    assert given.attaches == [Attach(stdout=True), Attach(stdin=True)]
    assert given.waits == [Wait(removed=True), Wait()]
    assert list(given.descriptors) == [one.descriptor for one in taken]
    assert len(held) == 0
    ends[1].close()  # its client leaves during the birth: the descriptors stay what they are
    await asyncio.sleep(0)
    assert len(clients.place.keeper.kept) == 4, "until the shim has them"
    held.given(taken)
    assert not clients.place.keeper.kept
    assert ends[0].recv(1) == b""


@life
async def test_after_a_failed_start_streams_end_and_waits_go_on(clients: Clients) -> None:
    waiting, attached = await clients.hold(Wait()), await clients.hold(Attach())
    keeping = os.dup(clients.box.held[1].descriptor)  # as the keeper does
    _, taken = clients.place.held.take(clients.box)
    clients.place.held.give_back(clients.box, taken)
    assert attached.recv(1) == b""
    assert [one.request for one in clients.box.held] == [Wait()]
    waiting.close()
    await until(lambda: not clients.box.held)
    os.close(keeping)


@life
async def test_a_removal_answers_waits_and_ends_streams(clients: Clients) -> None:
    waiting, attached = await clients.hold(Wait()), await clients.hold(Attach())
    keeping = [os.dup(one.descriptor) for one in clients.box.held]  # as the keeper does
    clients.place.held.release(clients.box, 42)
    assert waiting.recv(1000) == wait_body(42)
    assert waiting.recv(1) == b""
    assert attached.recv(1) == b""
    assert not clients.place.keeper.kept
    for one in keeping:
        os.close(one)


@life
async def test_an_end_without_a_start_answers_waits_but_those_for_the_removal(clients: Clients) -> None:
    waiting, _, _ = await clients.hold(Wait()), await clients.hold(Attach()), await clients.hold(Wait(removed=True))
    clients.place.held.release_waits(clients.box, 3)
    assert waiting.recv(1000) == wait_body(3)
    assert [one.request for one in clients.box.held] == [Attach(), Wait(removed=True)]


def test_the_answer_of_a_wait_is_one_chunk_and_the_last() -> None:
    assert wait_body(137) == b'13\r\n{"StatusCode":137}\n\r\n0\r\n\r\n'


def test_there_are_limits_for_each_kind() -> None:
    async def scenario() -> None:
        clients = Clients(Place(attach_limit=1), entry(container()))
        held, box = clients.place.held, clients.box
        await clients.hold(Attach())
        with pytest.raises(Conflict, match="too many attaches: 1"):
            held.check(box, Attach)
        held.check(box, Wait)
        with pytest.raises(Conflict, match="bytes of input"):
            held.check(entry(container()), Attach, EARLY_LIMIT + 1)
        held.close([box])
        clients.ends[0].close()

    asyncio.run(scenario())


async def left_behind(*requests: Attach | Wait) -> tuple[list[Kept], list[socket.socket]]:
    """What a daemon leaves that held `requests`, and the clients."""
    clients = Clients(Place(), entry(container()))
    clients.box.container = replace(container(), state=State(Status.EXITED, exit_code=6, finished_at=1))
    for request in requests:
        await clients.hold(request)
    left = [Kept(one.key, os.dup(one.descriptor), clients.place.keeper.kept[one.key]) for one in clients.box.held]
    clients.place.held.close([clients.box])
    return left, clients.ends


async def restored(box: Entry | None, *requests: Attach | Wait) -> tuple[Place, list[socket.socket]]:
    """The next daemon, which knows `box`."""
    place = Place()
    place.keeper.left, ends = await left_behind(*requests)
    await place.held.restore(lambda _: box)
    return place, ends


def test_the_next_daemon_holds_them_again() -> None:
    async def scenario() -> None:
        box = entry(container())
        place, ends = await restored(box, Attach(stdin=True, early="YQ=="), Wait(removed=True))
        assert [one.request for one in box.held] == [Attach(stdin=True, early="YQ=="), Wait(removed=True)]
        assert set(place.keeper.kept) == {one.key for one in box.held}
        ends[0].close()
        await until(lambda: len(box.held) == 1)
        place.held.release(box, 1)
        assert ends[1].recv(100) == wait_body(1)
        ends[1].close()

    asyncio.run(scenario())


def test_what_was_given_to_a_shim_is_not_held_again() -> None:
    async def scenario() -> None:
        later = 1 << 62
        for state in (
            State(Status.RUNNING, pid=1, started_at=1),
            State(Status.EXITED, started_at=1, finished_at=later),
        ):
            box = entry(replace(container(), state=state))
            place, ends = await restored(box, Attach())
            assert not box.held and not place.keeper.kept
            ends[0].setblocking(False)
            assert ends[0].recv(1) == b"", "no copy of ours is left"
            ends[0].close()

    asyncio.run(scenario())


def test_those_of_a_container_that_is_gone_are_ended() -> None:
    async def scenario() -> None:
        place, ends = await restored(None, Attach(), Wait())
        assert not place.keeper.kept
        assert ends[0].recv(1) == b""
        assert ends[1].recv(100) == wait_body(6), "the last exit code that was known"
        for end in ends:
            end.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("record", [b"{torn", b"[]", b'{"op":"dance"}', b'{"op":"wait","request":3}'])
def test_a_record_that_cannot_be_read_costs_that_connection_alone(record: bytes) -> None:
    async def scenario() -> None:
        place, box = Place(), entry(container())
        good, ends = await left_behind(Wait())
        ours, theirs = socket.socketpair()
        place.keeper.left = [Kept(77, theirs.detach(), record), *good]
        await place.held.restore(lambda _: box)
        assert ours.recv(1) == b""
        assert [one.request for one in box.held] == [Wait()]
        place.held.close([box])
        ends[0].close()
        ours.close()

    asyncio.run(scenario())


def test_fields_of_a_later_version_are_no_hindrance() -> None:
    async def scenario() -> None:
        place, box = Place(), entry(container())
        (kept,), ends = await left_behind(Wait())
        record = json.loads(kept.record)
        record["request"]["colour"] = record["shape"] = "new"
        place.keeper.left = [replace(kept, record=json.dumps(record).encode())]
        await place.held.restore(lambda _: box)
        assert [one.request for one in box.held] == [Wait()]
        place.held.close([box])
        ends[0].close()

    asyncio.run(scenario())
