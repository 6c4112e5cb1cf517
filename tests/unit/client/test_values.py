from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client import values


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        *[("0", 0), ("1024", 1024), ("32b", 32), ("1k", 1024), ("1K", 1024), ("1kb", 1024), ("64m", 64 << 20)],
        *[("1.5g", 3 << 29), ("2GiB", 2 << 30), ("1t", 1 << 40), ("3 MB", 3 << 20)],
    ],
)
def test_sizes_are_read_as_docker_reads_them(text: str, bytes_: int) -> None:
    assert values.size(text) == bytes_


@pytest.mark.parametrize("text", ["", "k", "-1", "1x", "1kk", "1.2.3", "one", "1e3", "9" * 40, "1ki2", "½", "."])
def test_bad_sizes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        values.size(text)


def test_swap_may_be_without_limit() -> None:
    assert (values.swap("-1"), values.swap("1m")) == (-1, 1 << 20)


@pytest.mark.parametrize(("text", "nano"), [("1", 10**9), ("0.5", 5 * 10**8), (".25", 25 * 10**7), ("1.5", 15 * 10**8)])
def test_cpus_are_counted_in_billionths(text: str, nano: int) -> None:
    assert values.cpus(text) == nano


@pytest.mark.parametrize("text", ["", "-1", "a", "1.2.3", "0.0000000001", "1e2"])
def test_bad_cpus_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="CPUs"):
        values.cpus(text)


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        *[("0", 0), ("10s", 10**10), ("1h30m", 5400 * 10**9), ("1.5s", 15 * 10**8), ("300ms", 3 * 10**8)],
        *[("1m0.5s", 605 * 10**8), ("-2m", -120 * 10**9), ("7us", 7000), ("7µs", 7000), ("5ns", 5)],
    ],
)
def test_durations_are_read_as_go_reads_them(text: str, nano: int) -> None:
    assert values.duration(text) == nano


@pytest.mark.parametrize("text", ["", "5", "s", "1x", "1hh", "--1s", "+", ".s", "9" * 31 + "h"])
def test_bad_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        values.duration(text)


@given(st.integers(0, 2**50))
def test_every_whole_number_is_a_size_and_a_number_of_seconds(number: int) -> None:
    assert values.size(str(number)) == number
    assert values.integer(str(number)) == number
    assert values.duration(f"{number}ns") == number


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (values.size, values.swap, values.cpus, values.duration, values.integer):
        try:
            assert isinstance(parse(text), int)
        except ValueError:
            continue


def test_filters_are_joined_by_key() -> None:
    text = values.filters(["label=a=b", "label=c", "Status = exited"])
    assert json.loads(text or "") == {"label": {"a=b": True, "c": True}, "status": {"exited": True}}
    assert values.filters([]) is None
    with pytest.raises(ValueError, match='invalid filter "x"'):
        values.filters(["x"])


def test_one_of_takes_its_words_alone() -> None:
    parse = values.one_of("a", "b")
    assert parse("a") == "a"
    with pytest.raises(ValueError, match="one of a, b"):
        parse("c")
