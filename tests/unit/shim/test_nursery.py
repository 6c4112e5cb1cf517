"""The nursery's own small parts; its forks: tests/shim/test_life.py."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from shim import nursery, protocol
from shim.protocol import Born


def test_a_refusal_takes_the_packet_and_answers_on_its_reply_socket() -> None:
    control, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reply, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with control, ours, reply, theirs:
        socket.send_fds(ours, [b"{}"], [theirs.fileno()])
        nursery._refuse(control, "because")
        answer = protocol.decode(Born, reply.recv(999))
        assert (answer.ok, answer.kind, answer.message) == (False, "runtime", "because")


def test_it_ends_when_its_control_socket_closes(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.close()
    pid = os.fork()
    if pid == 0:
        try:
            nursery.serve(theirs, str(tmp_path))
        finally:
            os._exit(7)
    theirs.close()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
