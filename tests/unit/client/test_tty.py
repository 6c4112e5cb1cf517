from __future__ import annotations

import os
import pty
import signal
import termios

import pytest

from client import tty
from client.errors import Quit


def test_a_terminal_is_raw_inside_and_as_before_afterwards() -> None:
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    with pytest.raises(Quit) as caught, tty.Raw(slave):
        assert not termios.tcgetattr(slave)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
        signal.raise_signal(signal.SIGTERM)
    assert caught.value.code == 128 + signal.SIGTERM
    assert termios.tcgetattr(slave) == before
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    os.close(master)
    os.close(slave)


def test_a_terminal_that_has_gone_is_no_error_at_the_end() -> None:
    master, slave = pty.openpty()
    with tty.Raw(slave):
        os.close(master)
    os.close(slave)


def test_sizes_come_from_the_first_terminal_that_knows_one() -> None:
    master, slave = pty.openpty()
    reader, writer = os.pipe()
    termios.tcsetwinsize(slave, (33, 99))
    assert tty.size(reader, slave) == (33, 99)
    assert tty.size(reader) is None
    assert tty.is_terminal(slave) and not tty.is_terminal(reader)
    for descriptor in (master, slave, reader, writer):
        os.close(descriptor)


def test_raw_attributes_leave_the_originals_alone() -> None:
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    changed = tty.raw_attributes(before)
    assert changed[6][termios.VMIN] == 1
    assert before == termios.tcgetattr(slave)
    os.close(master)
    os.close(slave)
