from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.frames import STDERR, STDOUT, FrameError, Frames
from tests.unit.client.fake_engine import frame


@given(st.lists(st.tuples(st.sampled_from([STDOUT, STDERR]), st.binary(max_size=100))), st.integers(1, 30))
def test_frames_come_apart_however_they_arrive(sent: list[tuple[int, bytes]], step: int) -> None:
    wire = b"".join(frame(kind, data) for kind, data in sent)
    frames = Frames()
    found: dict[int, bytes] = {STDOUT: b"", STDERR: b""}
    for at in range(0, len(wire), step):
        for kind, part in frames.feed(memoryview(wire[at : at + step])):
            found[kind] += part
    assert frames.complete
    for stream in (STDOUT, STDERR):
        assert found[stream] == b"".join(data for kind, data in sent if kind == stream)


def test_the_engines_own_error_is_raised_with_its_text() -> None:
    wire = frame(3, b"the log is gone")
    frames = Frames()
    frames.feed(memoryview(wire[:10]))
    with pytest.raises(FrameError, match="error from daemon in stream: the log is gone"):
        frames.feed(memoryview(wire[10:]))


def test_a_frame_of_an_unknown_kind_is_damage() -> None:
    with pytest.raises(FrameError, match="a frame of kind 72"):
        Frames().feed(memoryview(b"Hello, world"))


def test_a_stream_that_ends_inside_a_frame_is_not_complete() -> None:
    frames = Frames()
    frames.feed(memoryview(frame(1, b"abc")[:-1]))
    assert not frames.complete
