"""The exit record's meaning; whole lives: tests/shim/test_life.py."""

from __future__ import annotations

import pytest

from shim import life
from shim.protocol import ExitRecord


@pytest.mark.parametrize(("status", "code"), [(0, 0), (42 << 8, 42), (9, 137), (15, 143), (0x80 | 11, 139)])
def test_a_wait_status_becomes_a_code_and_a_signal_128_more(status: int, code: int) -> None:
    assert life._record(status, 5, False) == ExitRecord(code, 5)


def test_a_process_that_was_not_ours_has_no_code() -> None:
    record = life._record(None, 5, True)
    assert record.exit_code is None
    assert record.oom
    assert record.unknown
