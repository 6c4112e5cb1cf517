from __future__ import annotations

import pytest

from restd.api.routes.images import read_age
from restd.errors import InvalidParameter
from restd.lib.times import now_ns

HOUR = 3600 * 10**9


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
