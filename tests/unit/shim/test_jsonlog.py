"""The json-file format against a plain model of what Docker writes."""

from __future__ import annotations

import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from shim.jsonlog import MESSAGE_LIMIT, Clock, Encoder, message_endings

ENDINGS = message_endings()
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")

ODD = b'a \n \xe2 \x82 \xac \xf0\x9f \x98\x80 ? " \\ <>& \r \t \0 \xff \xed\xa0 l\n \x1b[0m \x7f \xe2\x80\xa8 \xc3\xa9'
odd_bytes = st.sampled_from(ODD.split(b" "))
output = st.one_of(st.binary(max_size=60), st.lists(odd_bytes, max_size=40).map(b"".join))


def encode(pieces: list[bytes]) -> bytes:
    encoder = Encoder(Clock(), ENDINGS)
    return b"".join([b"".join(encoder.feed(1, piece)) for piece in pieces]) + encoder.finish(1)


def as_go_reads(data: bytes) -> str:
    """Go's `string` of bytes as text: U+FFFD for each byte that is not part of a character."""
    text, position = "", 0
    while position < len(data):
        for size in (1, 2, 3, 4):
            try:
                character = data[position : position + size].decode()
            except UnicodeDecodeError:
                continue
            if len(character) == 1:
                text, position = text + character, position + size
                break
        else:
            text, position = text + "\ufffd", position + 1
    return text


@given(st.lists(output, max_size=6))
@settings(max_examples=150)
def test_the_messages_are_the_lines_however_they_arrive(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    lines = encode(pieces).decode().split("\n")
    assert lines.pop() == ""
    messages = [json.loads(line) for line in lines]
    wanted = re.findall(rb"[^\n]*\n|[^\n]+", data)
    assert [message["log"] for message in messages] == [as_go_reads(line) for line in wanted]
    assert all(message["stream"] == "stdout" and TIME.fullmatch(message["time"]) for message in messages)
    times = [message["time"] for message in messages]
    assert times == sorted(set(times))


def as_go_escapes(data: bytes) -> str:
    """A message's text as Go's encoder writes it, one character after the other."""
    named = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"}
    return "".join(
        named.get(character)
        or (f"\\u{ord(character):04x}" if character < " " or character in "<>&\u2028\u2029" else character)
        for character in as_go_reads(data)
    )


runs = st.tuples(odd_bytes | st.binary(min_size=1, max_size=8), st.sampled_from([1, 2, 60, 64, 65, 130, 700]))


@given(st.lists(runs, max_size=8), st.integers(1, 5000))
@settings(max_examples=200)
def test_whatever_is_repeated_is_escaped_as_go_does_it(runs: list[tuple[bytes, int]], step: int) -> None:
    data = b"".join(piece * count for piece, count in runs)[: MESSAGE_LIMIT - 1]  # longer messages are cut
    lines = encode([data[start : start + step] for start in range(0, len(data), step)]).decode().split("\n")
    assert lines.pop() == ""
    wanted = [as_go_escapes(line) for line in re.findall(rb"[^\n]*\n|[^\n]+", data)]
    assert [line[len('{"log":"') : line.index('","stream"')] for line in lines] == wanted


@given(st.integers(0, 300), st.binary(max_size=4), st.integers(0, 300))
@settings(max_examples=100)
def test_zeros_of_any_number_are_escaped(before: int, between: bytes, after: int) -> None:
    data = b"\xe2\x82" + bytes(before) + between.replace(b"\n", b"") + bytes(after) + b"\xac"
    line = encode([data]).decode()
    assert line.startswith('{"log":"' + as_go_escapes(data) + '","stream"')


@given(st.lists(st.integers(0, 3 * MESSAGE_LIMIT), max_size=4), st.integers(1, 50_000))
@settings(max_examples=30)
def test_long_lines_are_cut_at_the_same_places_however_they_arrive(lengths: list[int], step: int) -> None:
    data = b"".join(b"x" * length + b"\n" for length in lengths)
    whole = [json.loads(line)["log"] for line in encode([data]).splitlines()]
    pieces = [data[start : start + step] for start in range(0, len(data), step)]
    assert [json.loads(line)["log"] for line in encode(pieces).splitlines()] == whole
    assert "".join(whole) == data.decode()
    assert all(len(message) <= MESSAGE_LIMIT for message in whole)


def test_a_cut_never_goes_through_a_character() -> None:
    data = ("x" + "é" * MESSAGE_LIMIT).encode()
    messages = [json.loads(line)["log"] for line in encode([data[:10001], data[10001:]]).splitlines()]
    assert "".join(messages) == data.decode()


def test_a_line_has_dockers_very_form() -> None:
    line = encode([b'say "<hi>"\t\\ & \x1b\r\n'])
    wanted = rb'{"log":"say \"\u003chi\u003e\"\u0009\\ \u0026 \u001b\r\n","stream":"stdout","time":"'
    assert line.startswith(wanted)
    assert line.endswith(b'Z"}\n')


def test_more_lines_than_a_microsecond_has_nanoseconds_keep_their_order() -> None:
    encoder = Encoder(Clock(), ENDINGS)
    messages = [json.loads(line) for line in b"".join(encoder.feed(2, b"y\n" * 5000)).splitlines()]
    times = [message["time"] for message in messages]
    assert len(messages) == 5000
    assert times == sorted(set(times))
    assert {message["stream"] for message in messages} == {"stderr"}


def test_streams_have_each_their_own_unfinished_line() -> None:
    encoder = Encoder(Clock(), ENDINGS)
    assert list(encoder.feed(1, b"out")) == list(encoder.feed(2, b"err")) == []
    assert (encoder.partial(1), encoder.partial(2)) == (b"out", b"err")
    assert json.loads(b"".join(encoder.feed(1, b"put\n")))["log"] == "output\n"
    assert json.loads(encoder.finish(2))["log"] == "err"


def test_the_clock_never_runs_back() -> None:
    clock = Clock()
    first = clock.take(10**9)
    assert clock.take(1) == first + 10**9
