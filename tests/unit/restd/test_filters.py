from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import InvalidParameter
from restd.filters import Filters

WORDS = st.dictionaries(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=4, unique=True), max_size=4)


@given(WORDS)
def test_both_encodings_mean_the_same(filters: dict[str, list[str]]) -> None:
    lists = Filters.parse(json.dumps(filters))
    maps = Filters.parse(json.dumps({key: dict.fromkeys(values, True) for key, values in filters.items()}))
    assert lists == maps
    assert all(lists.values(key) == tuple(values) for key, values in filters.items())
    assert bool(lists) == bool(filters)


@given(st.text(max_size=40))
def test_any_text_is_filters_or_an_invalid_parameter(text: str) -> None:
    try:
        Filters.parse(text)
    except InvalidParameter as error:
        assert str(error) == "invalid filter"


def test_false_in_the_map_form_still_counts() -> None:
    assert Filters.parse('{"label":{"a":false}}').values("label") == ("a",)


@pytest.mark.parametrize("text", [None, "", "null", "{}"])
def test_nothing_is_no_filter(text: str | None) -> None:
    assert not Filters.parse(text)


@pytest.mark.parametrize("text", ["[]", "1", '"x"', "{", '{"a":[{}]}', '{"a":[[1]]}', "[" * 5000])
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match="^invalid filter$"):
        Filters.parse(text)


def test_numbers_and_truth_values_are_taken_as_text() -> None:
    filters = Filters.parse('{"exited":[0,1.5],"dangling":[true],"limit":3,"none":null}')
    assert filters.values("exited") == ("0", "1.5")
    assert filters.values("dangling") == ("true",)
    assert filters.values("limit") == ("3",)
    assert filters.values("none") == ()


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(InvalidParameter, match="^invalid filter 'x'$"):
        Filters.parse('{"x":["1"]}').check({"label"})


def test_one_takes_a_single_value() -> None:
    assert Filters.parse('{"until":["1h"]}').one("until") == "1h"
    assert Filters().one("until") is None
    with pytest.raises(InvalidParameter, match="more than one"):
        Filters.parse('{"until":["1h","2h"]}').one("until")


@pytest.mark.parametrize(("text", "value"), [("true", True), ("1", True), ("False", False), ("0", False)])
def test_flags_are_read(text: str, value: bool) -> None:
    assert Filters.parse(json.dumps({"dangling": [text]})).flag("dangling") is value


def test_a_flag_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="dangling=maybe"):
        Filters.parse('{"dangling":["maybe"]}').flag("dangling")
    assert Filters().flag("dangling", default=True)
