import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import InvalidParameter
from restd.logs.query import ALL, parse_tail, parse_time

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", 0),
        ("0", 0),
        ("1700000000", 1_700_000_000 * SECOND),
        ("1700000000.5", 1_700_000_000 * SECOND + SECOND // 2),
        ("1700000000.000000001", 1_700_000_000 * SECOND + 1),
        ("1700000000.0000000019", 1_700_000_000 * SECOND + 1),
        ("1700000000.", 1_700_000_000 * SECOND),
        ("-5", 0),
        ("2023-11-14T22:13:20Z", 1_700_000_000 * SECOND),
        ("2023-11-14T23:13:20.25+01:00", 1_700_000_000 * SECOND + SECOND // 4),
    ],
)
def test_a_time_is_seconds_or_rfc_3339(text: str, moment: int) -> None:
    assert parse_time(text, "since") == moment


@pytest.mark.parametrize("text", ["now", "1.2.3", "1e9", "10m", "9" * 30, "²"])
def test_any_other_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match='invalid value for "until"'):
        parse_time(text, "until")


@pytest.mark.parametrize(
    ("text", "tail"), [("", ALL), ("all", ALL), ("-1", ALL), ("rubbish", ALL), ("0", 0), ("17", 17), ("9" * 20, ALL)]
)
def test_a_tail_is_a_number_or_all(text: str, tail: int) -> None:
    assert parse_tail(text) == tail


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        assert parse_time(text, "since") >= 0
    except InvalidParameter:
        return
