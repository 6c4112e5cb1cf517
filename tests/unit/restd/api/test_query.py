from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.api.query import Query, read_age
from restd.errors import InvalidParameter
from restd.lib.times import now_ns

HOUR = 3600 * 10**9


@pytest.mark.parametrize("value", ["", "0", "no", "false", "none", "False", " NONE ", "No"])
def test_false_has_many_forms(value: str) -> None:
    assert not Query(f"all={value}").flag("all", default=True)


@pytest.mark.parametrize("value", ["1", "true", "True", "yes", "anything"])
def test_all_else_is_true(value: str) -> None:
    assert Query(f"all={value}").flag("all")


def test_a_missing_flag_takes_the_default_and_an_empty_one_is_false() -> None:
    assert Query("").flag("quiet", default=True)
    assert not Query("quiet").flag("quiet", default=True)


@pytest.mark.parametrize(("text", "value"), [("5", 5), ("-1", -1), ("%2B7", 7), ("", None), (" 3 ", 3)])
def test_numbers_are_read(text: str, value: int | None) -> None:
    assert Query(f"t={text}").number("t", -10, 10) == value


@pytest.mark.parametrize("text", ["x", "1.5", "--1", "11", "9" * 5000, "\u0663", "1e3", "0x1"])
def test_what_is_no_number_in_range_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidParameter, match="invalid value for t:"):
        Query(f"t={text}").number("t", -10, 10)


def test_the_first_of_several_counts_and_all_can_be_had() -> None:
    query = Query("names=a&names=b%2Fc")
    assert query.text("names") == "a"
    assert query.all_of("names") == ["a", "b/c"]
    assert "names" in query and "other" not in query


def test_a_nul_byte_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="name"):
        Query("name=a%00b").text("name")


@given(st.text(max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    assert isinstance(Query(text).flag("a"), bool)


def test_too_many_parameters_are_refused() -> None:
    with pytest.raises(InvalidParameter):
        Query("a&" * 20_000)


@pytest.mark.parametrize(("text", "ago"), [("24h", 24 * HOUR), ("1h30m", HOUR * 3 // 2), ("1.5h", HOUR * 3 // 2)])
def test_an_age_is_counted_back_from_now(text: str, ago: int) -> None:
    assert read_age(text) == pytest.approx(now_ns() - ago, abs=60 * 10**9)


def test_a_time_is_taken_as_it_is() -> None:
    assert read_age("1700000000") == 1_700_000_000 * 10**9
    assert read_age("2023-11-14T22:13:20Z") == 1_700_000_000 * 10**9
    assert read_age(None) is None


@pytest.mark.parametrize("text", ["soon", "5 parsecs", "h"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        read_age(text)
