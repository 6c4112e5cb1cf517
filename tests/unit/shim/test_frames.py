"""Docker's framing, forth and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shim import frames


def test_a_frame_is_its_type_three_zeros_its_length_and_the_payload() -> None:
    assert b"".join(frames.parts(2, b"abc")) == b"\x02\0\0\0\0\0\0\x03abc"


def test_nothing_makes_no_frame() -> None:
    assert list(frames.parts(1, b"")) == []


def test_no_frame_is_over_the_limit() -> None:
    found, rest = frames.parse(b"".join(frames.parts(1, bytes(frames.FRAME_LIMIT * 2 + 1))))
    assert [len(payload) for _, payload in found] == [frames.FRAME_LIMIT, frames.FRAME_LIMIT, 1]
    assert rest == b""


@given(st.lists(st.tuples(st.integers(0, 3), st.binary(min_size=1, max_size=50))), st.integers(0, 200))
def test_parsing_gives_back_what_was_framed_wherever_it_is_cut(items: list[tuple[int, bytes]], cut: int) -> None:
    data = b"".join(part for stream, payload in items for part in frames.parts(stream, payload))
    first, rest = frames.parse(data[:cut])
    second, left = frames.parse(rest + data[cut:])
    assert first + second == items
    assert left == b""
