import json
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.lib.times import to_rfc3339
from restd.logs import messages
from restd.logs.messages import Renderer, stamp
from restd.logs.query import LogQuery
from tests.unit.restd.logs.written import BOTH, START, line, numbered, texts


def frame(stream: int, text: bytes) -> bytes:
    return struct.pack(">BxxxI", stream, len(text)) + text


def raw(data: bytes, query: LogQuery = BOTH) -> bytes:
    return Renderer(query, framed=False).render(data)


def test_a_message_is_one_frame_of_its_stream() -> None:
    data = line("out\n") + line("err\n", START + 1, "stderr")
    assert Renderer(BOTH, framed=True).render(data) == frame(1, b"out\n") + frame(2, b"err\n")


def test_a_terminals_messages_are_bare() -> None:
    assert raw(line("a\r\n") + line("$ ")) == b"a\r\n$ "


def test_a_long_message_has_a_true_length() -> None:
    text = "x" * 16384
    assert Renderer(BOTH, framed=True).render(line(text)) == frame(1, text.encode())


def test_only_the_streams_that_were_asked_for() -> None:
    data = line("out\n") + line("err\n", START + 1, "stderr")
    assert raw(data, LogQuery(stderr=True)) == b"err\n"
    assert raw(line("out\n"), LogQuery(stderr=True)) == b""


def test_a_time_stands_before_each_message() -> None:
    stamped = replace(BOTH, timestamps=True)
    assert raw(line("a\n"), stamped) == to_rfc3339(START).encode() + b" a\n"


def test_details_are_sorted_escaped_and_a_space_even_without_any() -> None:
    detailed = replace(BOTH, details=True, timestamps=True)
    time = to_rfc3339(START).encode()
    assert raw(line("a\n"), detailed) == time + b"  a\n"
    assert raw(line("a\n", attrs={"b": "x y", "a": "1,2"}), detailed) == time + b" a=1%2C2,b=x%20y a\n"


def test_since_and_until_are_inclusive_and_until_ends_the_reading() -> None:
    renderer = Renderer(replace(BOTH, since=START + 3, until=START + 5), framed=False)
    assert renderer.render(numbered(0, 5)) == texts(3, 5)
    assert not renderer.past_until
    assert renderer.render(numbered(5, 10)) == texts(5, 6)
    assert renderer.past_until


def test_another_engines_lines_are_read_too() -> None:
    short = b'{"log":"a\\n","stream":"stdout","time":"2023-11-14T22:13:20.5Z"}\n'
    spaced = b'{"stream": "stderr", "log": "b\\n", "time": "2023-11-14T23:13:20+01:00"}\n'
    stamped = replace(BOTH, timestamps=True)
    assert raw(short + spaced, stamped) == b"2023-11-14T22:13:20.500000000Z a\n2023-11-14T22:13:20.000000000Z b\n"


@pytest.mark.parametrize(
    "garbage",
    [
        b"\n",
        b"not json\n",
        b'{"log":"half',
        b"\0\0\0\0\n",
        b"[]\n",
        b"\x01\n",
        b'{"log":1,"stream":"stdout","time":"x"}\n',
        b'{"log":"x\\n","stream":"stdin","time":"2023-11-14T22:13:20Z"}\n',
    ],
)
def test_garbage_between_messages_is_left_out(garbage: bytes) -> None:
    half = not garbage.endswith(b"\n")
    renderer = Renderer(BOTH, framed=False)
    data = numbered(0, 2) + garbage + (b"\n" if half else b"") + numbered(2, 4)
    assert renderer.render(data) == texts(0, 4)
    assert renderer.skipped == (garbage != b"\n")


LINES = st.lists(
    st.tuples(st.text(min_size=1, max_size=30), st.sampled_from(["stdout", "stderr"])), min_size=1, max_size=8
)


@given(LINES, st.booleans())
def test_the_fast_way_and_the_json_decoder_agree(entries: list[tuple[str, str]], go: bool) -> None:
    """On any text, escaped as Python does or as Go does."""
    data = b""
    expected = b""
    for index, (text, stream) in enumerate(entries):
        made = line(text, START + index, stream)
        if go:
            made = made.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")
        data += made
        expected += frame({"stdout": 1, "stderr": 2}[stream], text.encode())
    assert Renderer(BOTH, framed=True).render(data) == expected


@given(st.text(min_size=1, max_size=40))
def test_unescaping_in_bulk_is_json_or_nothing(text: str) -> None:
    escaped = json.dumps(text)[1:-1].encode()
    if b"\\ud" not in escaped and (plain := messages._unescape(escaped)) is not None:
        assert plain == json.loads(b'"' + escaped + b'"').encode()


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    Renderer(replace(BOTH, timestamps=True), framed=True).render(data + b"\n")


def test_stamps_sort_as_text() -> None:
    assert stamp(START) < stamp(START + 1) < stamp(START + 10**10)
