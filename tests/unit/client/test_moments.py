from __future__ import annotations

import calendar
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client import moments

HOUR, DAY = 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *[(0.5, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute")],
        *[(180, "3 minutes"), (50 * 60, "50 minutes"), (HOUR, "About an hour"), (3 * HOUR, "3 hours")],
        *[(47 * HOUR, "47 hours"), (48 * HOUR, "2 days"), (13 * DAY, "13 days"), (14 * DAY, "2 weeks")],
        *[(70 * DAY, "2 months"), (800 * DAY, "2 years")],
    ],
)
def test_distances_are_told_in_dockers_words(seconds: float, words: str) -> None:
    assert moments.ago(seconds) == words


@given(st.integers(0, 4_000_000_000))
def test_dates_in_utc_are_read_exactly(seconds: int) -> None:
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    assert moments.nanoseconds(text + "Z") == seconds * 10**9
    assert moments.nanoseconds(text + ".5+01:30") == (seconds - 5400) * 10**9 + 5 * 10**8


def test_short_dates_are_local() -> None:
    here = int(time.mktime((2026, 1, 31, 0, 0, 0, 0, 0, -1)))
    assert moments.nanoseconds("2026-01-31") == here * 10**9
    assert moments.nanoseconds("2026-01-31T08:15") == (here + 8 * HOUR + 15 * 60) * 10**9


def test_stamps_are_unix_times_as_they_are_or_reckoned_from_now() -> None:
    assert moments.stamp("1700000000.25", 0) == "1700000000.25"
    assert moments.stamp("10m", 1000.0) == "400.000000000"
    assert moments.stamp("2024-02-29T00:00:00Z", 0) == f"{calendar.timegm((2024, 2, 29, 0, 0, 0))}.000000000"


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-13-01", "2026-01-32", "2026-1-1", "2026-01-01T25", "1.2.3", "x-1-1"]
)
def test_bad_moments_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"wanted|date"):
        moments.stamp(text, 0)


@given(st.text())
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    try:
        assert moments.stamp(text, 10**9)
    except ValueError:
        return


def test_gos_zero_is_no_date() -> None:
    assert not moments.is_set("0001-01-01T00:00:00Z")
    assert moments.is_set("2026-01-01T00:00:00Z")
    assert moments.local(0)[:4] in ("1969", "1970")
