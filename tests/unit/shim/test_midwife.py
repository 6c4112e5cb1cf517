"""Reports of births as they travel; the births themselves are in test_creation.py."""

from __future__ import annotations

import os

import pytest

from shim.midwife import Report, read_report


def travelled(data: bytes) -> Report:
    reader, writer = os.pipe()
    try:
        os.write(writer, data)
        os.close(writer)
        return read_report(reader)
    finally:
        os.close(reader)


@pytest.mark.parametrize(
    "report",
    [
        Report(7, 99, "/sys/fs/cgroup/x/memory.events", True),
        Report(7, 99),
        Report(kind="runtime", message="exec: “nope”", how="runc ended with exit code 1"),
    ],
    ids=["a process", "nothing to watch", "a failure"],
)
def test_a_report_arrives_as_it_was_sent(report: Report) -> None:
    assert travelled(report.encode()) == report


def test_a_child_that_died_without_a_word_is_a_failure() -> None:
    assert travelled(b"").kind == "runtime"
    assert not travelled(b"").pid


def test_a_zero_byte_in_a_message_breaks_nothing() -> None:
    assert travelled(Report(kind="runtime", message="a\0b").encode()).message == "ab"
