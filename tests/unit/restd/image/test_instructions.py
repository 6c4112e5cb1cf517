from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import InvalidParameter
from restd.image.instructions import Variables, duration_ns, pairs, parse_instruction, string_list, words

VARIABLES = Variables({"HOME": "/root", "EMPTY": ""})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a b  c", ["a", "b", "c"]),
        ('"a b" c', ["a b", "c"]),
        ("'a $HOME'", ["a $HOME"]),
        ('"a $HOME"', ["a /root"]),
        ("${HOME}/x", ["/root/x"]),
        ("${NONE:-x}", ["x"]),
        ("${EMPTY:-x}", ["x"]),
        ("${HOME:+x}", ["x"]),
        ("${NONE:+x}y", ["y"]),
        ("a\\ b", ["a b"]),
        ("\\$HOME", ["$HOME"]),
        ("$", ["$"]),
        ("$1", ["$1"]),
        ("", []),
    ],
)
def test_words_follow_the_dockerfile_reference(text: str, found: list[str]) -> None:
    assert words(text, VARIABLES) == found


@pytest.mark.parametrize("text", ["'a", '"a', "${HOME", "${}", "${HOME:?x}"])
def test_an_unfinished_word_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        words(text, VARIABLES)


@given(st.text(max_size=40))
def test_any_text_is_words_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidParameter):
        assert all(isinstance(word, str) for word in words(text, VARIABLES))


@given(st.lists(st.text(st.characters(blacklist_characters="'", blacklist_categories=["Cs"]), min_size=1), max_size=5))
def test_single_quotes_keep_every_word_as_it_is(parts: list[str]) -> None:
    assert words(" ".join(f"'{part}'" for part in parts), VARIABLES) == parts


def test_pairs_in_both_forms() -> None:
    assert pairs("ENV", 'a=1 b="x y" c=$HOME', VARIABLES) == [("a", "1"), ("b", "x y"), ("c", "/root")]
    assert pairs("ENV", "a x  y $HOME", VARIABLES) == [("a", "x  y /root")]


@pytest.mark.parametrize("text", ["a", "a=1 b", "=1"])
def test_pairs_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        pairs("ENV", text, VARIABLES)


@pytest.mark.parametrize(
    ("text", "nanoseconds"), [("0", 0), ("1s", 10**9), ("1m30s", 90 * 10**9), ("1.5ms", 1_500_000), (".5s", 5 * 10**8)]
)
def test_durations_are_gos(text: str, nanoseconds: int) -> None:
    assert duration_ns(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "1", "s", "1x", "-1s", "1s ", "9" * 30 + "h"])
def test_a_duration_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        duration_ns(text)


def test_an_instruction_has_a_name_and_a_rest() -> None:
    assert parse_instruction("  cmd  echo hi ") == ("CMD", "echo hi")
    with pytest.raises(InvalidParameter, match="unknown instruction"):
        parse_instruction("=x")


def test_only_a_json_list_of_strings_is_one() -> None:
    assert string_list('["a", "b"]') == ["a", "b"]
    assert [string_list(text) for text in ("[1]", "[", "a", '{"a":1}', "[" * 100_000)] == [None] * 5
