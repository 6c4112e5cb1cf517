"""The magic keys: a machine over bytes, however they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.detach import DetachKeys

few = st.binary(max_size=30).map(lambda data: bytes(b"ab\x10\x11"[byte % 4] for byte in data))


def feed(keys: bytes, pieces: list[bytes]) -> tuple[bytes, bool]:
    machine = DetachKeys(keys)
    passed = b""
    for piece in pieces:
        data, detached = machine.feed(piece)
        passed += data
        if detached:
            return passed, True
    return passed, False


def test_the_keys_end_the_attach_and_what_follows_is_dropped() -> None:
    assert feed(b"\x10\x11", [b"ls\n\x10\x11rest"]) == (b"ls\n", True)


def test_a_partial_match_is_held_back_and_released_with_the_next_byte() -> None:
    machine = DetachKeys(b"\x10\x11")
    assert machine.feed(b"\x10") == (b"", False)
    assert machine.feed(b"x") == (b"\x10x", False)


def test_a_broken_match_may_be_the_beginning_of_another() -> None:
    assert feed(b"aab", [b"a", b"a", b"a", b"b"]) == (b"a", True)


def test_no_keys_match_nothing() -> None:
    assert feed(b"", [b"\x10\x11"]) == (b"\x10\x11", False)


def test_keys_are_bytes() -> None:
    with pytest.raises(ValueError, match="byte values"):
        DetachKeys([300])


@given(keys=few.filter(bool).map(lambda data: data[:3]), pieces=st.lists(few, max_size=5))
def test_the_first_occurrence_ends_it_and_nothing_else_is_lost(keys: bytes, pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    passed, detached = feed(keys, pieces)
    before, found, _ = data.partition(keys)
    assert detached is bool(found)
    if detached:
        assert passed == before
    else:
        held = data[len(passed) :]
        assert data.startswith(passed)
        assert keys.startswith(held)
