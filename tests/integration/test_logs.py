"""The logs call: every parameter, following, terminals, rotation."""

from __future__ import annotations

import re
import time
from datetime import datetime

import pytest

from tests.calls import encode
from tests.engine import Engine
from tests.waiting import wait_until
from tests.wire import frames_of, request, split_streams

pytestmark = [pytest.mark.root, pytest.mark.peer]

STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) ")


def ended(engine: Engine, script: str, **options: object) -> str:
    """A container that ran `script` to its end."""
    container = engine.running(["sh", "-c", script], **options)  # type: ignore[arg-type]  # create's own names
    engine.wait(container)
    return container


def seconds(stamp: bytes) -> str:
    """An RFC 3339 stamp with nine digits as `SECONDS.NANOSECONDS`."""
    text = stamp.decode()
    whole = int(datetime.fromisoformat(text[:19] + "+00:00").timestamp())
    return f"{whole}.{text[20:29]}"


def test_each_message_is_a_frame_of_its_stream(engine: Engine, runtime: str) -> None:
    container = ended(engine, "echo one; sleep 0.1; echo two >&2; sleep 0.1; printf three")
    assert frames_of(engine.logs(container)) == [(1, b"one\n"), (2, b"two\n"), (1, b"three")]


def test_one_stream_alone(engine: Engine) -> None:
    container = ended(engine, "echo one; echo two >&2")
    assert frames_of(engine.logs(container, stderr=0)) == [(1, b"one\n")]
    assert frames_of(engine.logs(container, stdout=0)) == [(2, b"two\n")]


def test_a_terminal_is_raw(engine: Engine, runtime: str) -> None:
    container = ended(engine, "echo one; echo two >&2", Tty=True)
    assert engine.logs(container) == b"one\r\ntwo\r\n"


def test_binary_bytes_that_are_text_for_no_one(engine: Engine) -> None:
    container = ended(engine, r"""printf 'a\000b\rc\n\t"\\ \033[1m\n'""")
    assert split_streams(engine.logs(container))[0] == b'a\0b\rc\n\t"\\ \033[1m\n'


def test_utf8_is_kept(engine: Engine) -> None:
    container = ended(engine, "echo 'grüße, 世界 🎈 \u2028'")
    assert split_streams(engine.logs(container))[0] == "grüße, 世界 🎈 \u2028\n".encode()


def test_a_long_line_comes_back_whole(engine: Engine, runtime: str) -> None:
    container = ended(engine, "head -c 100000 /dev/zero | tr '\\0' x; echo; echo short")
    assert split_streams(engine.logs(container))[0] == b"x" * 100000 + b"\nshort\n"


def test_timestamps_have_nine_digits_and_grow(engine: Engine) -> None:
    begun = time.time()
    container = ended(engine, "for i in 1 2 3; do echo $i; done")
    lines = [payload for _, payload in frames_of(engine.logs(container, timestamps=1))]
    stamps = []
    for number, line in enumerate(lines, 1):
        found = STAMP.match(line)
        assert found and line[found.end() :] == b"%d\n" % number
        stamps.append(found.group(1))
    assert stamps == sorted(stamps)
    assert begun - 1 < float(seconds(stamps[0])) < time.time() + 1


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ("0", b""),
        ("1", b"5\n"),
        ("3", b"3\n4\n5\n"),
        ("99", b"1\n2\n3\n4\n5\n"),
        ("all", b"1\n2\n3\n4\n5\n"),
        ("-1", b"1\n2\n3\n4\n5\n"),
        ("rubbish", b"1\n2\n3\n4\n5\n"),
        ("", b"1\n2\n3\n4\n5\n"),
    ],
)
def test_tail(engine: Engine, tail: str, expected: bytes) -> None:
    container = ended(engine, "for i in 1 2 3 4 5; do echo $i; done")
    assert split_streams(engine.logs(container, tail=tail))[0] == expected


def test_since_and_until_include_their_own_instant(engine: Engine) -> None:
    container = ended(engine, "for i in 1 2 3 4; do echo $i; sleep 0.05; done")
    stamps = [seconds(STAMP.match(line).group(1)) for _, line in frames_of(engine.logs(container, timestamps=1))]  # type: ignore[union-attr]  # stamped
    assert split_streams(engine.logs(container, since=stamps[2]))[0] == b"3\n4\n"
    assert split_streams(engine.logs(container, until=stamps[1]))[0] == b"1\n2\n"
    assert split_streams(engine.logs(container, since=stamps[1], until=stamps[2]))[0] == b"2\n3\n"
    assert split_streams(engine.logs(container, since=int(time.time()) + 100))[0] == b""
    assert split_streams(engine.logs(container, since=0, until=0))[0] == b"1\n2\n3\n4\n"


@pytest.mark.ours("20.10 takes tail before until")
def test_tail_counts_what_until_leaves(engine: Engine) -> None:
    container = ended(engine, "for i in 1 2 3 4; do echo $i; sleep 0.05; done")
    stamps = [seconds(STAMP.match(line).group(1)) for _, line in frames_of(engine.logs(container, timestamps=1))]  # type: ignore[union-attr]  # stamped
    assert split_streams(engine.logs(container, until=stamps[2], tail=2))[0] == b"2\n3\n"


@pytest.mark.parametrize("tty", [False, True])
def test_follow_gives_what_was_and_what_comes_until_the_end(engine: Engine, runtime: str, tty: bool) -> None:
    container = engine.running(["sh", "-c", "echo before; read x; echo after; exit 3"], OpenStdin=True, Tty=tty)
    with engine.wire() as wire:
        wire.send(request("GET", f"/containers/{container}/logs?stdout=1&stderr=1&follow=1"))
        assert wire.head().status == 200
        chunks = wire.chunks()
        first = next(chunks)
        assert b"before" in first
        with engine.attach(container, stream=1, stdin=1) as stdin:
            stdin.send(b"\n")
            rest = b"".join(chunks)
    assert b"after" in rest
    assert engine.wait(container) == 3


def test_follow_with_tail_zero_shows_only_what_is_new(engine: Engine) -> None:
    container = engine.running(["sh", "-c", "echo old; read x; echo new"], OpenStdin=True)
    wait_until(lambda: b"old" in engine.logs(container))
    with engine.wire() as wire:
        wire.send(request("GET", f"/containers/{container}/logs?stdout=1&follow=1&tail=0"))
        wire.head()
        with engine.attach(container, stream=1, stdin=1) as stdin:
            stdin.send(b"\n")
            assert split_streams(b"".join(wire.chunks()))[0] == b"new\n"


def test_the_head_comes_before_the_first_line(engine: Engine) -> None:
    container = engine.running()
    with engine.wire() as wire:
        wire.send(request("GET", f"/containers/{container}/logs?stdout=1&follow=1"))
        head = wire.head()
        assert head.status == 200
        assert head.headers["transfer-encoding"] == "chunked"


def test_follow_of_an_ended_container_ends(engine: Engine) -> None:
    container = ended(engine, "echo done")
    assert split_streams(engine.logs(container, follow=1))[0] == b"done\n"


def test_follow_loses_nothing_of_a_fast_writer(engine: Engine, runtime: str) -> None:
    count = 50000
    container = engine.running(["sh", "-c", f"seq {count}"])
    numbers = split_streams(engine.logs(container, follow=1))[0].split()
    assert numbers == [b"%d" % i for i in range(1, count + 1)]


@pytest.mark.ours("20.10 skips lines when it rotates quickly")
def test_follow_goes_on_over_rotated_files(engine: Engine, runtime: str) -> None:
    options = {"LogConfig": {"Type": "json-file", "Config": {"max-size": "20k", "max-file": "50"}}}
    container = engine.running(
        ["sh", "-c", "read x; for i in $(seq 3000); do echo $i; done"], OpenStdin=True, host=options
    )
    with engine.wire() as wire:
        wire.send(request("GET", f"/containers/{container}/logs?stdout=1&follow=1"))
        wire.head()
        with engine.attach(container, stream=1, stdin=1) as stdin:
            stdin.send(b"\n")
            out = split_streams(b"".join(wire.chunks()))[0]
    assert out.split() == [b"%d" % i for i in range(1, 3001)]


def test_rotation_keeps_the_newest_and_no_more_than_was_asked_for(engine: Engine, runtime: str) -> None:
    options = {"LogConfig": {"Type": "json-file", "Config": {"max-size": "10k", "max-file": "3"}}}
    container = ended(engine, "for i in $(seq 3000); do echo $i; done", host=options)
    numbers = [int(word) for word in split_streams(engine.logs(container))[0].split()]
    assert numbers == list(range(numbers[0], 3001))
    assert numbers[0] > 1
    assert 100 < len(numbers) < 600
    assert split_streams(engine.logs(container, tail=200))[0].split() == [b"%d" % i for i in range(2801, 3001)]
    path = engine.inspect(container)["LogPath"]
    assert path.endswith(".log")


def test_a_restarted_container_adds_to_its_log(engine: Engine) -> None:
    container = ended(engine, "echo again")
    engine.start(container)
    engine.wait(container)
    assert split_streams(engine.logs(container))[0] == b"again\nagain\n"


def test_nothing_was_written(engine: Engine) -> None:
    container = engine.create(["true"])
    assert engine.logs(container) == b""
    engine.start(container)
    engine.wait(container)
    assert engine.logs(container) == b""


def test_no_stream_chosen(engine: Engine) -> None:
    reply = engine.ask("GET", f"/containers/{engine.create(['true'])}/logs")
    assert (reply.status, reply.message) == (400, "Bad parameters: you must choose at least one stream")


def test_without_a_log_there_is_nothing_to_read(engine: Engine, runtime: str) -> None:
    container = ended(engine, "echo lost", host={"LogConfig": {"Type": "none"}})
    reply = engine.ask("GET", f"/containers/{container}/logs?stdout=1")
    assert reply.status in (500, 501)
    assert "does not support reading" in reply.message
    assert engine.inspect(container)["LogPath"] == ""


def test_details_show_the_options_chosen(engine: Engine) -> None:
    container = ended(engine, "echo line")
    assert split_streams(engine.logs(container, details=1))[0] in (b" line\n", b"line\n")


def test_the_content_type(engine: Engine) -> None:
    container, terminal = engine.create(["true"]), engine.create(["true"], Tty=True)
    query = encode({"stdout": 1})
    if engine.kind == "isula":
        for version, identity, expected in (
            ("v1.41", container, "raw-stream"),
            ("v1.42", container, "multiplexed-stream"),
            ("v1.42", terminal, "raw-stream"),
        ):
            reply = engine.ask("GET", f"/{version}/containers/{identity}/logs{query}")
            assert reply.headers["content-type"] == f"application/vnd.docker.{expected}"


def test_unknown_container(engine: Engine) -> None:
    reply = engine.ask("GET", "/containers/nobody-there/logs?stdout=1")
    assert (reply.status, reply.message) == (404, "No such container: nobody-there")
