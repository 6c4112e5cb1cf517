from __future__ import annotations

import select
import signal

import pytest

from client.errors import ClientError
from client.signals import Signals


def test_signals_are_collected_in_order_and_others_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    with Signals((signal.SIGUSR1, signal.SIGUSR2)) as signals:
        assert signals.take() == []
        signal.raise_signal(signal.SIGUSR2)
        signal.raise_signal(signal.SIGUSR1)
        assert select.select([signals.fileno()], [], [], 5)[0]
        assert signals.take() == [signal.SIGUSR2, signal.SIGUSR1]
    assert signal.getsignal(signal.SIGUSR1) == before


def test_the_third_interrupt_ends_the_program() -> None:
    with Signals((signal.SIGINT,)), pytest.raises(ClientError, match="interrupted three times") as caught:
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
    assert caught.value.code == 130
