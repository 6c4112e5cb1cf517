"""The daemon's end of the keeper, with real nurseries and keepers."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
from collections.abc import Awaitable, Callable

import pytest

from restd.errors import SystemFailure
from restd.lib.tasks import TaskGroup
from restd.runtime.keeper import Keeper
from restd.runtime.nursery import Nursery
from shim.protocol import KEEPER_SOCKET


class House:
    """A state folder, and the daemons that come and go in it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.nursery = Nursery(folder)
        self.tasks = TaskGroup("test")
        self.clients: list[socket.socket] = []
        self.ours: list[int] = []

    def daemon(self) -> Keeper:
        return Keeper(self.folder, self.nursery, self.tasks)

    async def keep(self, keeper: Keeper, record: bytes, head: bytes = b"HEAD") -> tuple[socket.socket, int]:
        """Let a connection be kept: the client's end, and the key."""
        client, ours = socket.socketpair()
        client.settimeout(5)
        self.clients.append(client)
        self.ours.append(ours.detach())
        key = await keeper.keep(self.ours[-1], head, lambda: record)
        assert key is not None
        if head:
            assert client.recv(100) == head
        return client, key

    def pids(self) -> set[int]:
        """Keepers of this folder."""
        found = set()
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    if file.read().startswith(f"isula-rest-keeper {self.folder}".encode()):
                        found.add(int(name))
            except OSError:
                continue
        return found

    async def close(self) -> None:
        for client in self.clients:
            client.close()
        for descriptor in self.ours:
            os.close(descriptor)
        await self.tasks.close()
        await self.nursery.close()
        await until(lambda: not self.pids())


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


def in_a_house(scenario: Callable[[House], Awaitable[None]]) -> Callable[[], None]:
    """A test of `scenario`."""

    def run() -> None:
        async def main(folder: str) -> None:
            house = House(folder)
            try:
                await scenario(house)
            finally:
                await house.close()

        with tempfile.TemporaryDirectory(prefix="keeper-") as folder:
            asyncio.run(main(folder))

    run.__name__ = scenario.__name__
    return run


@in_a_house
async def test_nobody_is_there_before_something_is_to_be_kept(house: House) -> None:
    keeper = house.daemon()
    assert await keeper.open() == []
    assert not house.pids()
    keeper.close()


@in_a_house
async def test_the_next_daemon_gets_what_the_last_one_left(house: House) -> None:
    first = house.daemon()
    await house.keep(first, b"one")
    _, second_key = await house.keep(first, b"two")
    await house.keep(first, b"three")
    first.drop(second_key)
    first.close()
    second = house.daemon()
    left = await second.open()
    assert [kept.record for kept in left] == [b"one", b"three"]
    for kept in left:
        second.adopt(kept.key, kept.descriptor, lambda: b"adopted")
    _, key = await house.keep(second, b"four")
    assert key not in [kept.key for kept in left]
    for kept, client in zip(left, (house.clients[0], house.clients[2]), strict=True):
        os.write(kept.descriptor, b"still there")
        assert client.recv(100) == b"still there"
        second.drop(kept.key)
        os.close(kept.descriptor)
    second.close()
    third = house.daemon()
    (kept,) = await third.open()
    assert kept.record == b"four"
    os.close(kept.descriptor)
    third.close()


@in_a_house
async def test_a_keeper_that_was_expected_is_there(house: House) -> None:
    keeper = house.daemon()
    keeper.expect()
    keeper.expect()
    await until(lambda: os.path.exists(f"{house.folder}/{KEEPER_SOCKET}"))
    assert len(house.pids()) == 1
    keeper.close()


@in_a_house
async def test_a_keeper_that_is_killed_is_replaced_and_given_all(house: House) -> None:
    keeper = house.daemon()
    for number in range(5):
        await house.keep(keeper, b"%d" % number)
    before = house.pids()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    await until(lambda: house.pids() - before)
    await house.keep(keeper, b"5")
    keeper.close()
    following = house.daemon()
    left = await following.open()
    assert sorted(kept.record for kept in left) == [b"0", b"1", b"2", b"3", b"4", b"5"]
    for kept in left:
        os.close(kept.descriptor)
    following.close()


@in_a_house
async def test_many_at_once(house: House) -> None:
    keeper = house.daemon()
    await asyncio.gather(*(house.keep(keeper, bytes(3000)) for _ in range(300)))
    keeper.close()
    following = house.daemon()
    left = await following.open()
    assert len(left) == 300
    for kept in left:
        os.close(kept.descriptor)
    following.close()


@in_a_house
async def test_a_client_that_has_left_is_not_kept(house: House) -> None:
    keeper = house.daemon()
    client, ours = socket.socketpair()
    client.close()
    with ours:
        assert await keeper.keep(ours.fileno(), b"HEAD", lambda: b"") is None
    keeper.close()


@in_a_house
async def test_a_head_that_was_sent_is_not_sent_again_by_the_next_keeper(house: House) -> None:
    """The first has sent it and dies before it says so; the client has not read it yet."""
    keeper = house.daemon()
    client, ours = socket.socketpair()
    house.clients.append(client)
    client.settimeout(5)
    fake, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setblocking(False)
    keeper._use(theirs)
    with ours:
        going = asyncio.ensure_future(keeper.keep(ours.fileno(), b"HEAD", lambda: b""))
        await asyncio.sleep(0)
        await until(lambda: keeper._asked)
        ours.send(b"HEAD")
        fake.close()
        key = await going
        assert key is not None
        client.setblocking(False)
        assert client.recv(100) == b"HEAD"
        keeper.drop(key)
    keeper.close()


@in_a_house
async def test_without_a_keeper_the_daemon_sends_the_head_itself(house: House) -> None:
    class NoNursery(Nursery):
        async def hire_keeper(self, state: str, descriptor: int) -> None:
            raise SystemFailure("there is no shim nursery")

    keeper = Keeper(house.folder, NoNursery(house.folder), house.tasks)
    await house.keep(keeper, b"one")
    keeper.close()


def test_a_socket_that_answers_nonsense_is_no_keeper(tmp_path_factory: pytest.TempPathFactory) -> None:
    async def main(folder: str) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(f"{folder}/{KEEPER_SOCKET}")
        listener.listen()
        keeper = Keeper(folder, Nursery(folder), TaskGroup("test"))
        opening = asyncio.ensure_future(keeper.open())
        await asyncio.sleep(0.01)
        connection, _ = listener.accept()
        connection.send(b"hello")
        assert await opening == []
        connection.close()
        listener.close()

    with tempfile.TemporaryDirectory(prefix="keeper-") as folder:
        asyncio.run(main(folder))
