"""The output that goes into an exit record."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shim.capture import CUT, Capture


def test_both_streams_are_kept_in_the_order_of_their_coming() -> None:
    capture = Capture(100)
    for stream, chunk in ((1, b"one\n"), (2, b"two\n"), (1, b"three\n")):
        capture.append(stream, chunk)
    capture.end(1)
    assert capture.text() == "one\ntwo\nthree\n"


def test_bytes_that_are_no_text_are_replaced() -> None:
    capture = Capture(100)
    capture.append(1, b"a\xffb")
    assert capture.text() == "a\ufffdb"


@given(st.lists(st.binary(max_size=20)), st.integers(0, 60))
def test_it_is_the_beginning_and_says_when_it_is_not_all(chunks: list[bytes], limit: int) -> None:
    capture = Capture(limit)
    for chunk in chunks:
        capture.append(1, chunk)
    whole = b"".join(chunks)
    expected = whole[:limit].decode("utf-8", "replace")
    assert capture.text() == (expected + CUT if len(whole) > limit else expected)
