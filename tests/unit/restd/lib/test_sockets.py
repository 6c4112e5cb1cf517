import os
import socket
from pathlib import Path

from restd.lib.sockets import end, peer_of, send, short_path, unread


def test_a_socket_can_be_bound_and_reached_in_a_folder_with_a_long_name(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 200)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        with short_path(str(folder), "s") as path:
            listener.bind(path)
        listener.listen()
        with short_path(str(folder), "s") as path:
            client.connect(path)
        connection, _ = listener.accept()
        with connection:
            assert peer_of(connection).pid == os.getpid()
            assert peer_of(connection).uid == os.getuid()


def test_what_was_sent_is_unread_until_it_was_received() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert send(ours.fileno(), b"abc")
        assert unread(ours.fileno()) > 0
        theirs.recv(3)
        assert unread(ours.fileno()) == 0


def test_nothing_can_be_sent_to_who_has_left_or_takes_nothing() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        ours.setblocking(False)
        while send(ours.fileno(), bytes(65536)):
            pass
        theirs.close()
        assert not send(ours.fileno(), b"x")


def test_an_end_reaches_the_other_side_whoever_has_a_copy() -> None:
    ours, theirs = socket.socketpair()
    copy = os.dup(ours.fileno())
    end(ours.detach())
    assert theirs.recv(1) == b""
    end(copy)
    theirs.close()


def test_an_end_without_another_side() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    end(ours.detach())
