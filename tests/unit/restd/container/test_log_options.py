import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.container.log_options import check_log, log_spec, parse_size
from restd.errors import InvalidParameter, NotImplementedYet
from restd.model.container import LogConfig


@pytest.mark.parametrize(
    ("text", "size"),
    [("10m", 10 << 20), ("1g", 1 << 30), ("4096", 4096), ("5KB", 5 << 10), ("1MiB", 1 << 20), ("-1", -1)],
)
def test_sizes_are_in_powers_of_1024(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "0", "10q", "-5", "1.5m", "9" * 30])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match="max-size"):
        parse_size(text)


def test_the_shim_gets_the_limits() -> None:
    spec = log_spec(LogConfig("json-file", {"max-size": "10m", "max-file": "3"}), "/log")
    assert (spec.driver, spec.path, spec.max_size, spec.max_files) == ("json-file", "/log", 10 << 20, 3)


def test_without_options_nothing_is_rotated() -> None:
    assert (log_spec(LogConfig("json-file"), "/log").max_size, log_spec(LogConfig("json-file"), "/log").max_files) == (
        -1,
        1,
    )


def test_none_keeps_no_log_and_takes_no_option() -> None:
    assert log_spec(LogConfig("none"), "").driver == "none"
    with pytest.raises(InvalidParameter, match="unknown log opt 'max-size' for none log driver"):
        check_log(LogConfig("none", {"max-size": "1m"}))


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(InvalidParameter, match="unknown log opt 'odd' for json-file log driver"):
        check_log(LogConfig("json-file", {"odd": "1"}))


@pytest.mark.parametrize("name", ["labels", "env", "tag"])
def test_dockers_options_that_are_not_carried_out_are_refused(name: str) -> None:
    with pytest.raises(NotImplementedYet, match=name):
        check_log(LogConfig("json-file", {name: "x"}))


def test_harmless_values_of_other_options_pass() -> None:
    check_log(LogConfig("json-file", {"compress": "false", "mode": "blocking"}))
    with pytest.raises(NotImplementedYet):
        check_log(LogConfig("json-file", {"mode": "non-blocking"}))


@pytest.mark.parametrize("count", ["0", "-1", "x", "1e3", "1001"])
def test_the_number_of_files_is_bounded(count: str) -> None:
    with pytest.raises(InvalidParameter, match="max-file"):
        check_log(LogConfig("json-file", {"max-size": "1m", "max-file": count}))


@given(st.text(max_size=12))
def test_any_text_is_a_size_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidParameter):
        assert parse_size(text) != 0
