from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from restd.api.schemas.fields import AnyObject, DockerField, Flag, ListOf, MapOf, Text, Whole, clean

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
FIELDS: list[DockerField[Any]] = [Text(), Whole(0, 9), Flag(), ListOf(Text(), one=True), MapOf(Whole()), AnyObject()]


@given(st.sampled_from(FIELDS), JSON)
def test_any_value_is_read_or_refused_with_words(field: DockerField[Any], value: Any) -> None:
    try:
        field.read(value)
    except ValidationError as error:
        assert error.messages


@pytest.mark.parametrize("value", [True, 1.0, "1", None, [], 10**30, -1])
def test_only_whole_numbers_in_range_are_numbers(value: object) -> None:
    with pytest.raises(ValidationError):
        Whole(0, 9).read(value)


@pytest.mark.parametrize("value", [0, 1, "true", None])
def test_only_true_and_false_are_flags(value: object) -> None:
    with pytest.raises(ValidationError, match="true or false is expected"):
        Flag().read(value)


def test_text_has_no_nul_and_no_half_surrogates() -> None:
    assert clean("é\ud800\U0001f600") == "é\ufffd\U0001f600"
    with pytest.raises(ValidationError, match="NUL"):
        clean("a\0")


def test_a_list_may_take_one_value_for_a_list_of_one() -> None:
    assert ListOf(Text(), one=True).read("sh") == ("sh",)
    with pytest.raises(ValidationError, match="a list is expected"):
        ListOf(Text()).read("sh")


def test_null_in_a_list_or_map_is_the_zero_value() -> None:
    assert ListOf(Text()).read(["a", None]) == ("a", "")
    assert MapOf(Text()).read({"k": None}) == {"k": ""}
    assert MapOf(ListOf(Text()), nulls=True).read({"k": None}) == {"k": None}


def test_a_list_of_fixed_length_is_just_so_long() -> None:
    assert ListOf(Whole(), length=2).read([1, 2]) == (1, 2)
    with pytest.raises(ValidationError, match="a list of 2 is expected, not of 3"):
        ListOf(Whole(), length=2).read([1, 2, 3])


def test_keys_may_have_to_fit_a_pattern() -> None:
    field = MapOf(AnyObject(), keys=r"\d+", says="is not a number")
    assert field.read({"1": None}) == {"1": {}}
    with pytest.raises(ValidationError) as refused:
        field.read({"x": {}})
    assert refused.value.messages == {"x": ["'x' is not a number"]}
