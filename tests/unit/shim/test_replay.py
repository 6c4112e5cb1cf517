"""Reading a log's messages back, also damaged ones; replays of living logs: tests/shim/test_log.py."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shim import replay


def test_damaged_lines_are_skipped() -> None:
    lines = b'{"log":"a\\n","stream":"stdout"}\ngarbage\n[1]\n{"log":"b","stream":"stderr"}\n'
    assert [message["log"] for message in replay._messages(lines)] == ["a\n", "b"]


@given(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line)))
def test_no_garbage_raises(lines: list[bytes]) -> None:
    for message in replay._messages(b"".join(line + b"\n" for line in lines)):
        assert isinstance(message, dict)
