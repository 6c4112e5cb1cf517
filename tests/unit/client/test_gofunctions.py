from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.gofunctions import as_json, functions, index, printf, show
from client.gotokens import TemplateError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[(None, "<no value>"), (True, "true"), (3, "3"), (1.5, "1.5"), (2.0, "2"), ("a", "a"), ([], "[]")],
        *[({"b": [1, None], "a": "x"}, "map[a:x b:[1 <nil>]]"), (float("inf"), "Inf")],
    ],
)
def test_values_print_as_in_go(value: Any, text: str) -> None:
    assert show(value) == text


@pytest.mark.parametrize(
    ("form", "values", "text"),
    [
        *[("%s=%d", ["a", 3], "a=3"), ("%-5s|", ["ab"], "ab   |"), ("%5s|", ["ab"], "   ab|"), ("%05d", [42], "00042")],
        *[
            ("%q", ['a"b'], '"a\\"b"'),
            ("%v %v", [True, [1]], "true [1]"),
            ("%t", [False], "false"),
            ("%x", [255], "ff"),
        ],
        *[("%.2f", [1.5], "1.50"), ("100%%", [], "100%"), ("%d", ["a"], "%!d(string=a)"), ("%s", [], "%!s(MISSING)")],
        *[("x", [1], "x%!(EXTRA int=1)"), ("%+d", [3], "+3"), ("%", [], "%!(NOVERB)"), ("%.2s", ["abc"], "ab")],
    ],
)
def test_printf_follows_gos_verbs(form: str, values: list[Any], text: str) -> None:
    assert printf(form, *values) == text


def test_index_gives_the_zero_value_for_a_key_that_is_not_there() -> None:
    assert index({"a": {"b": 1}}, "a", "b") == 1
    assert index({"a": "x"}, "z") == ""
    assert index([5, 6], 1) == 6
    wrong: list[tuple[Any, Any]] = [([1], 5), ([1], "a"), (None, "a"), (3, 1)]
    for value, key in wrong:
        with pytest.raises(TemplateError):
            index(value, key)


def test_dockers_own_functions() -> None:
    known = functions()
    assert known["join"](["a", 1], "-") == "a-1"
    assert known["split"]("a,b", ",") == ["a", "b"]
    assert known["title"]("ab cd") == "Ab Cd"
    assert known["pad"]("x", 1, 2) == " x  "
    assert known["truncate"]("abcdef", 3) == "abc"
    assert as_json({"a": ["<é>"]}) == '{"a":["<é>"]}'
    assert known["println"]("a", 1) == "a 1\n"


def test_comparisons() -> None:
    known = functions()
    assert known["eq"](1, 2, 1) and known["ne"]("a", "b") and known["lt"](1, 2) and known["ge"]("b", "a")
    with pytest.raises(TemplateError, match="incompatible types"):
        known["eq"](1, "1")
    with pytest.raises(TemplateError, match="invalid types"):
        known["lt"](True, False)


@given(st.sampled_from(sorted(functions())), st.lists(JSON, max_size=4))
def test_no_function_fails_in_an_unforeseen_way(name: str, values: list[Any]) -> None:
    try:
        functions()[name](*values)
    except (TemplateError, TypeError, AttributeError, ValueError, OverflowError):
        return  # the evaluator turns the others into a TemplateError
