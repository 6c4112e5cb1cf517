import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restd.logs import files
from restd.logs.files import LogFiles, _open_all
from restd.logs.query import LogQuery
from tests.unit.restd.logs.written import BOTH, START, line, numbered


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "console.log"


def rotate(log: Path, keep: int = 10) -> None:
    for number in range(keep - 1, 0, -1):
        source = log.with_name(f"{log.name}.{number - 1}") if number > 1 else log
        if source.exists():
            source.rename(log.with_name(f"{log.name}.{number}"))


def drain(reader: LogFiles) -> bytes:
    taken = b""
    while data := reader.take():
        taken += data
    return taken


def opened(log: Path, query: LogQuery = BOTH, *, bounded: bool = False) -> LogFiles:
    reader = LogFiles(str(log))
    reader.bounded = bounded
    reader.seek(query)
    return reader


def read(log: Path, query: LogQuery = BOTH) -> bytes:
    reader = opened(log, query, bounded=True)
    try:
        return drain(reader)
    finally:
        reader.close()


def test_rotated_files_come_oldest_first(log: Path) -> None:
    for first in (0, 10, 20):
        log.write_bytes(numbered(first, first + 10))
        rotate(log)
    log.write_bytes(numbered(30, 35))
    assert read(log) == numbered(0, 35)


def test_a_log_that_was_never_begun_is_empty(log: Path) -> None:
    assert read(log) == b""


def test_half_a_line_waits_for_its_end(log: Path) -> None:
    whole = numbered(0, 2)
    log.write_bytes(whole[:-20])
    reader = opened(log)
    assert drain(reader) == numbered(0, 1)
    with log.open("ab") as file:
        file.write(whole[-20:])
    assert drain(reader) == numbered(1, 2)
    reader.close()


def test_without_following_it_ends_where_the_log_ended_at_the_beginning(log: Path) -> None:
    log.write_bytes(numbered(0, 3))
    reader = opened(log, bounded=True)
    with log.open("ab") as file:
        file.write(numbered(3, 6))
    assert drain(reader) == numbered(0, 3)
    reader.close()


@pytest.mark.parametrize("keep", [1, 2, 3, 10])
def test_following_over_rotations_has_no_gap_and_no_repeat(log: Path, keep: int) -> None:
    log.write_bytes(numbered(0, 5))
    reader = opened(log)
    taken = drain(reader)
    for first in range(5, 60, 5):
        with log.open("ab") as file:
            file.write(numbered(first, first + 5))
        if first % 10 == 0:
            if keep == 1:
                log.unlink()
            rotate(log, keep)
            log.write_bytes(b"")
        taken += drain(reader)
    reader.close()
    assert taken == numbered(0, 60)


def test_several_rotations_at_once_are_followed(log: Path) -> None:
    log.write_bytes(numbered(0, 5))
    reader = opened(log)
    taken = drain(reader)
    for first in (5, 10, 15):
        with log.open("ab") as file:
            file.write(numbered(first, first + 5))
        rotate(log)
        log.write_bytes(b"")
    log.write_bytes(numbered(20, 25))
    assert taken + drain(reader) == numbered(0, 25)
    reader.close()


def test_a_log_that_begins_while_it_is_followed(log: Path) -> None:
    reader = opened(log)
    assert drain(reader) == b""
    log.write_bytes(numbered(0, 3))
    assert drain(reader) == numbered(0, 3)
    reader.close()


def test_old_files_from_before_since_are_not_read(log: Path) -> None:
    log.write_bytes(numbered(0, 5))
    rotate(log)
    os.utime(log.with_name("console.log.1"), ns=(START, START))
    log.write_bytes(numbered(5, 8))
    assert read(log, replace(BOTH, since=START + 10**9)) == numbered(5, 8)


def test_no_descriptor_stays_open(log: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    test_rotated_files_come_oldest_first(log)
    read(log, replace(BOTH, tail=1))
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("tail", [0, 1, 7, 10, 11, 25, 1000])
def test_the_tail_reaches_over_files(log: Path, tail: int) -> None:
    log.write_bytes(numbered(0, 10))
    rotate(log)
    log.write_bytes(numbered(10, 20))
    assert read(log, replace(BOTH, tail=tail)) == numbered(max(0, 20 - tail), 20)


def test_the_tail_counts_only_what_is_asked_for(log: Path) -> None:
    log.write_bytes(b"".join(numbered(n, n + 1, "stderr" if n % 3 == 0 else "stdout") for n in range(30)))
    taken = read(log, LogQuery(stderr=True, tail=2))
    assert taken == log.read_bytes()[len(taken) * -1 :]
    assert taken.count(b'"stderr"') == 2


def test_the_tail_ends_at_until(log: Path) -> None:
    log.write_bytes(numbered(0, 30))
    assert read(log, replace(BOTH, tail=2, until=START + 9)).startswith(numbered(8, 10))


def test_half_a_line_at_the_end_is_no_part_of_the_tail(log: Path) -> None:
    log.write_bytes(numbered(0, 5) + b'{"log":"half')
    assert read(log, replace(BOTH, tail=2)) == numbered(3, 5)
    reader = opened(log, replace(BOTH, tail=0))
    with log.open("ab") as file:
        file.write(b'\n","stream":"stdout"}\n')
    assert drain(reader).startswith(b'{"log":"half')
    reader.close()


def test_what_has_no_newline_is_not_kept_in_memory(log: Path) -> None:
    log.write_bytes(numbered(0, 3) + b"x" * (3 << 20) + b"\n" + numbered(3, 6))
    reader = opened(log, bounded=True)
    pieces = []
    while data := reader.take():
        pieces.append(data)
    reader.close()
    assert max(map(len, pieces)) < files.LINE_LIMIT + 2 * files.BLOCK
    assert pieces[0].startswith(numbered(0, 3))
    assert pieces[-1].endswith(numbered(3, 6))
    assert read(log, replace(BOTH, tail=3)) == numbered(3, 6)


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 90), min_size=1, max_size=40),
    tail=st.integers(0, 45),
    block=st.integers(1, 200),
    cut=st.integers(0, 40),
    chosen=st.booleans(),
)
def test_the_tail_is_right_for_any_block_size(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], tail: int, block: int, cut: int, chosen: bool
) -> None:
    log = tmp_path_factory.mktemp("log") / "console.log"
    lines = [line("x" * length + "\n", START + index) for index, length in enumerate(lengths)]
    log.with_name("console.log.1").write_bytes(b"".join(lines[:cut]))
    log.write_bytes(b"".join(lines[cut:]))
    before, files.BLOCK = files.BLOCK, block
    try:
        query = LogQuery(stdout=True, stderr=not chosen, tail=tail)
        assert read(log, query) == b"".join(lines[max(0, len(lines) - tail) :])
    finally:
        files.BLOCK = before


def test_a_number_that_is_free_in_the_middle_of_a_rotation_hides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log"
    for name in ("log", "log.2", "log.3"):
        (tmp_path / name).write_text(name)
    found = _open_all(str(path))
    try:
        assert [os.read(descriptor, 10) for descriptor in found] == [b"log.3", b"log.2", b"log"]
    finally:
        for descriptor in found:
            os.close(descriptor)
