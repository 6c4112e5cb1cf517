"""The keeper, in a thread; as a process of its own: tests/unit/restd/runtime/test_keeper.py."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shim import keeper
from shim.keeper import Keeper
from shim.protocol import (
    DROP,
    KEEP,
    KEEPER_PACKET,
    KEEPER_SOCKET,
    KEPT,
    VERSION,
    WELCOME,
    keeper_packet,
    read_keeper_packet,
)

Packet = tuple[bytes, int, bytes]


class Daemon:
    """A daemon's end of a connection to the keeper."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        connection.settimeout(5)

    @classmethod
    def anew(cls) -> Daemon:
        """One that finds the keeper by its name."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.connect(KEEPER_SOCKET)
        return cls(connection)

    def keep(self, key: int, record: bytes = b"", head: bytes = b"") -> socket.socket:
        """Let a connection be kept; the client's end."""
        client, ours = socket.socketpair()
        client.settimeout(5)
        with ours:
            socket.send_fds(self.connection, [keeper_packet(KEEP, key, head, record)], [ours.fileno()])
        return client

    def drop(self, key: int) -> None:
        self.connection.send(keeper_packet(DROP, key))

    def hear(self) -> Packet | None:
        """One packet; None at the end. A descriptor that comes with it is closed."""
        packet, descriptors, _, _ = socket.recv_fds(self.connection, KEEPER_PACKET, 1)
        for descriptor in descriptors:
            os.close(descriptor)
        if not packet:
            return None
        operation, key, _, record = read_keeper_packet(packet)
        return operation, key, record

    def hear_all(self) -> dict[int, bytes]:
        """What an earlier daemon has left."""
        found = {}
        while (packet := self.hear()) is not None and packet[0] == KEEP:
            found[packet[1]] = packet[2]
        assert packet == (WELCOME, VERSION, b"")
        return found

    def close(self) -> None:
        self.connection.close()


@pytest.fixture
def first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """The daemon that a keeper was made for."""
    monkeypatch.chdir(tmp_path)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    thread = threading.Thread(target=Keeper(theirs).run)
    thread.start()
    daemon = Daemon(ours)
    yield daemon
    daemon.close()
    thread.join(5)
    assert not thread.is_alive(), "it keeps nothing for nobody"
    assert not os.path.exists(KEEPER_SOCKET)


def test_the_head_is_sent_by_who_keeps_the_connection(first: Daemon) -> None:
    client = first.keep(1, head=b"HEAD")
    assert client.recv(100) == b"HEAD"
    assert first.hear() == (KEPT, 1, b"")
    client.close()


def test_another_daemon_gets_what_an_earlier_one_left(first: Daemon) -> None:
    clients = [first.keep(key, b"record %d" % key) for key in (1, 2, 3)]
    first.drop(2)
    assert clients[1].recv(1) == b"", "no copy is left"
    first.close()
    second = Daemon.anew()
    assert second.hear_all() == {1: b"record 1", 3: b"record 3"}
    second.drop(1)
    assert clients[0].recv(1) == b""
    clients.append(second.keep(4, b"record 4"))
    assert second.hear() == (KEPT, 4, b"")
    third = Daemon.anew()
    assert third.hear_all() == {3: b"record 3", 4: b"record 4"}
    assert second.hear() is None, "there is one daemon at most"
    for client in clients:
        client.close()
    second.close()
    third.close()


def test_the_last_words_of_a_daemon_count(first: Daemon) -> None:
    clients = [first.keep(key) for key in range(1, 200)]
    first.close()
    second = Daemon.anew()
    assert list(second.hear_all()) == list(range(1, 200))
    for client in clients:
        client.close()
    second.close()


def test_a_client_that_leaves_is_forgotten_and_one_that_half_closes_is_not(first: Daemon) -> None:
    gone, half = first.keep(1), first.keep(2)
    assert first.hear() == (KEPT, 1, b"") and first.hear() == (KEPT, 2, b"")
    half.shutdown(socket.SHUT_WR)
    gone.close()
    probe = first.keep(3)
    assert first.hear() == (KEPT, 3, b"")
    second = Daemon.anew()
    assert set(second.hear_all()) == {2, 3}
    half.close()
    probe.close()
    second.close()


def test_a_client_that_has_left_before_its_head_is_not_kept(first: Daemon) -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    socket.send_fds(first.connection, [keeper_packet(KEEP, 1, b"HEAD")], [theirs.fileno()])
    theirs.close()
    assert first.hear() == (DROP, 1, b"")


def test_a_record_as_large_as_may_be(first: Daemon) -> None:
    client = first.keep(1, bytes(100_000))
    assert first.hear() == (KEPT, 1, b"")
    second = Daemon.anew()
    assert second.hear_all() == {1: bytes(100_000)}
    client.close()
    second.close()


def test_an_empty_keeper_ends_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(keeper, "IDLE_SECONDS", 0.05)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    thread = threading.Thread(target=Keeper(theirs).run)
    thread.start()
    daemon = Daemon(ours)
    client = daemon.keep(1)
    assert daemon.hear() == (KEPT, 1, b"")
    assert thread.is_alive()
    daemon.drop(1)
    assert client.recv(1) == b""
    thread.join(5)
    assert not thread.is_alive()
    assert not os.path.exists(KEEPER_SOCKET)
    client.close()
    daemon.close()


def test_a_name_that_a_dead_keeper_left_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / KEEPER_SOCKET).touch()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    thread = threading.Thread(target=Keeper(theirs).run)
    thread.start()
    client = Daemon(ours).keep(1)
    second = Daemon.anew()
    assert second.hear_all() == {1: b""}
    client.close()
    ours.close()
    second.close()
    thread.join(5)
    assert not thread.is_alive()
