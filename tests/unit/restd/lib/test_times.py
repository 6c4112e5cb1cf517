import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.lib.times import ZERO, from_rfc3339, go_duration, now_ns, to_rfc3339


@given(st.integers(1, 4_000_000_000_000_000_000))
def test_a_time_survives_the_way_to_text_and_back(nanoseconds: int) -> None:
    assert from_rfc3339(to_rfc3339(nanoseconds)) == nanoseconds


def test_never_is_dockers_zero_time() -> None:
    assert to_rfc3339(0) == ZERO
    assert from_rfc3339(ZERO) == 0


def test_offsets_and_short_fractions_are_understood() -> None:
    assert from_rfc3339("1970-01-01T01:00:00.5+01:00") == 500_000_000
    assert from_rfc3339("1969-12-31T23:59:59-00:01") == 59_000_000_000


@pytest.mark.parametrize("text", ["", "now", "2020-01-01", "2020-01-01T00:00:00", "2020-01-01T00:00:00Zx"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an RFC 3339 time"):
        from_rfc3339(text)


def test_now_is_after_the_epoch() -> None:
    assert now_ns() > 10**18


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_100, "1.1µs"),
        (2_200_000, "2.2ms"),
        (999_999_999, "999.999999ms"),
        (1_000_000_000, "1s"),
        (3_300_000_000, "3.3s"),
        (59_000_000_001, "59.000000001s"),
        (60_000_000_000, "1m0s"),
        (305_001_000_000, "5m5.001s"),
        (3_600_000_000_000, "1h0m0s"),
        (18_367_001_000_000, "5h6m7.001s"),
        (-1_500_000_000, "-1.5s"),
    ],
)
def test_durations_are_written_as_go_writes_them(nanoseconds: int, text: str) -> None:
    assert go_duration(nanoseconds) == text
