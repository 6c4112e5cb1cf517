"""Where a log is cut, and what a rotation renames."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shim import rotation


def test_the_renames_move_every_file_up_and_lose_the_oldest() -> None:
    assert rotation.renames("log", 3) == [("log.1", "log.2"), ("log", "log.1")]
    assert rotation.renames("log", 1) == []


def test_files_are_named_oldest_first() -> None:
    assert rotation.oldest_first("log", 3) == ["log.2", "log.1", "log"]


def test_a_message_over_the_limit_gets_a_fresh_file() -> None:
    assert rotation.split(b"0123456789\nx\n", 5, fresh=False) == 0
    assert rotation.split(b"0123456789\nx\n", 5, fresh=True) == 11


@given(st.lists(st.integers(0, 30), min_size=1), st.integers(1, 60))
def test_files_hold_whole_messages_within_the_limit(lengths: list[int], limit: int) -> None:
    data = b"".join(b"x" * length + b"\n" for length in lengths)
    files = [b""]
    rest = data
    while rest:
        count = rotation.split(rest, limit - min(limit, len(files[-1])), not files[-1])
        if not count:
            files.append(b"")
            continue
        files[-1] += rest[:count]
        rest = rest[count:]
    assert b"".join(files) == data
    for file in files:
        assert file.endswith(b"\n")
        assert len(file) <= limit or file.count(b"\n") == 1
