import asyncio
import os
import shutil
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from restd.errors import SystemFailure
from restd.lib.tasks import TaskGroup
from restd.model.network import Endpoint, Network, Pool
from restd.network.dns import Member, NameServer, network_text

NETWORK = Network("ab" * 32, "lan", 1, "bridge", pools=(Pool("10.5.0.0/24", gateway="10.5.0.1"), Pool("fd00::/64", gateway="fd00::1")))  # fmt: skip  # noqa: E501


def member(number: int, *names: str, servers: tuple[str, ...] = ()) -> Member:
    place = Endpoint("e", f"{number:064x}", NETWORK.id, "lan", ipv4_address=f"10.5.0.{number}", dns_names=names)
    return Member(place, servers)


def test_a_network_is_a_line_of_addresses_to_listen_on_and_one_for_each_container() -> None:
    assert network_text(NETWORK, [member(3, "web", "web"), member(2, "db", servers=("1.1.1.1", "9.9.9.9"))]) == (
        "10.5.0.1,fd00::1\n"
        f"{2:064x} 10.5.0.2  db 1.1.1.1,9.9.9.9\n"
        f"{3:064x} 10.5.0.3  web\n"
    )  # fmt: skip


def test_names_that_would_break_a_line_are_left_out() -> None:
    text = network_text(NETWORK, [member(2, "a b", "c,d", "e\nf", "ok", ""), member(3, " ")])
    assert text.splitlines()[1:] == [f"{2:064x} 10.5.0.2  ok"]


def test_files_follow_who_is_there(tmp_path: Path) -> None:
    async def attempt() -> None:
        names = NameServer(str(tmp_path / "dns"), TaskGroup("test"))
        names.open()
        names.set(NETWORK, [member(2, "db")])
        again = NameServer(str(tmp_path / "dns"), TaskGroup("test"))
        again.open()
        assert again.networks() == [NETWORK.id]
        again.set(NETWORK, [])
        assert not (tmp_path / "dns" / NETWORK.id).exists()
        await again.apply()

    asyncio.run(attempt())


def ask(name: str) -> int:
    """The number of answers for `name` at 127.0.0.1; -1 if nobody is there."""
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.2)
        client.connect(("127.0.0.77", 53))
        try:
            client.send(struct.pack(">6H", 7, 256, 1, 0, 0, 0) + question + b"\0\0\1\0\1")
            return int(struct.unpack(">6H", client.recv(512)[:12])[3])
        except OSError:
            return -1


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.skipif(os.geteuid() != 0 or not NameServer.program(), reason="needs root and aardvark-dns")
def test_the_real_program_answers_goes_on_without_us_and_ends_with_the_last_name(tmp_path: Path) -> None:
    network = Network("ab" * 32, "lan", 1, "bridge", pools=(Pool("127.0.0.0/8", gateway="127.0.0.77"),))

    async def attempt() -> None:
        tasks = TaskGroup("test")
        names = NameServer(str(tmp_path), tasks)
        names.open()
        names.set(network, [member(2, "db")])
        await names.apply()
        first = names.pid()
        try:
            await until(lambda: ask("db") == 1)
            after = NameServer(str(tmp_path), tasks)  # of the next daemon
            after.open()
            after.set(network, [member(2, "db"), member(3, "web")])
            after.apply_later()
            await until(lambda: ask("web") == 1)
            assert after.pid() == first
            after.drop(network.id)
            await after.apply()
            assert after.pid() == 0
            after.set(network, [member(2, "db")])
            await after.apply()
            assert after.pid() not in (0, first)
        finally:
            names.drop(network.id)
            await names.apply()
            await tasks.close()
        assert names.pid() == 0

    asyncio.run(attempt())


def test_what_the_program_says_when_it_can_not_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = shutil.which("false")
    assert program is not None
    monkeypatch.setattr(NameServer, "program", staticmethod(lambda: program))

    async def attempt() -> None:
        names = NameServer(str(tmp_path), TaskGroup("test"))
        names.set(NETWORK, [member(2, "db")])
        with pytest.raises(SystemFailure, match="aardvark-dns can't be started: exit code 1"):
            await names.apply()

    asyncio.run(attempt())
