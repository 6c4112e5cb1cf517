from __future__ import annotations

import socket

import pytest

from client.errors import ClientError
from client.interaction import check_terminal, exit_code
from client.transport import Reply


def reply_with(body: bytes) -> Reply:
    ours, theirs = socket.socketpair()
    theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    theirs.close()
    return Reply(ours)


def test_the_exit_code_comes_out_of_the_wait() -> None:
    assert exit_code(reply_with(b'{"StatusCode":42,"Error":null}')) == 42


def test_an_error_of_the_wait_is_125() -> None:
    with pytest.raises(ClientError, match="lost it") as caught:
        exit_code(reply_with(b'{"StatusCode":0,"Error":{"Message":"lost it"}}'))
    assert caught.value.code == 125


def test_a_terminal_wants_a_keyboard_that_is_one() -> None:
    check_terminal(True, False)
    check_terminal(False, True)
    with pytest.raises(ClientError, match="the input device is not a TTY"):
        check_terminal(True, True)  # pytest's stdin is no terminal
