import contextlib
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.container.signals import parse_signal
from restd.errors import InvalidParameter


@pytest.mark.parametrize("text", ["KILL", "kill", "SIGKILL", "sigkill", "9", " 9 "])
def test_a_signal_has_many_spellings(text: str) -> None:
    assert parse_signal(text) == 9


@pytest.mark.parametrize(("text", "number"), [("RTMIN", 34), ("SIGRTMIN+3", 37), ("RTMAX-1", 63), ("RTMAX", 64)])
def test_real_time_signals_are_counted_from_either_end(text: str, number: int) -> None:
    assert parse_signal(text) == number


@pytest.mark.parametrize(
    "text", ["", "0", "65", "-9", "SIGNOTHING", "9999999999999", "RTMIN+31", "RTMIN-1", "٩", "1.5"]
)
def test_what_is_no_signal_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(InvalidParameter, match=r"^invalid signal: "):
        parse_signal(text)


@given(st.sampled_from(list(signal.Signals)))
def test_every_signal_of_the_platform_is_known_by_name(number: signal.Signals) -> None:
    assert parse_signal(number.name) == number


@given(st.text(max_size=20))
def test_any_text_is_a_signal_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidParameter):
        assert 1 <= parse_signal(text) <= 64
