import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import InvalidParameter
from restd.lib.patterns import PATTERN_LIMIT, any_of


@pytest.mark.parametrize(
    ("pattern", "text", "passes"),
    [
        ("web", "my-web-1", True),
        ("web", "db", False),
        ("", "anything", True),
        ("^web", "web-1", True),
        ("^web", "my-web", False),
        ("1$", "web-1", True),
        ("^web-1$", "web-1", True),
        ("^web-1$", "web-10", False),
        ("^/web-1$", "/web-1", True),
        ("^$", "", True),
        ("web.1", "web-1", True),
        ("web\\.1", "web-1", False),
        ("^(web|db)_[0-9]+$", "db_12", True),
        ("(?i)WEB", "web", True),
        ("[[:digit:]]", "a1", True),
        ("\\pL", "ä", True),
        ("a{2,3}$", "xaaa", True),
        ("x$", "x\n", False),  # Go's $ is the end of the text, not of a last line
        ("(", "(", True),
        ("(", "a(b", False),
        ("(?=a)", "a", False),  # no look-around in RE2: it is no pattern
        ("a\\1", "a\\1", True),
        ("\ud800.", "a", False),
    ],
)
def test_patterns_are_go_s(pattern: str, text: str, passes: bool) -> None:
    assert any_of([pattern])(text) is passes


def test_one_of_several_is_enough() -> None:
    test = any_of(["^a$", "b+", "("])
    assert [test(text) for text in ("a", "abb", "(", "c")] == [True, True, True, False]
    assert not any_of([])("a")


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|a)+$", "(a|aa)+$", "(.*a){20}$", "([a-z]+)*x$", "(a*)*(a*)*(a*)*x", "a?" * 40 + "a" * 40 + "x"],
)
def test_no_pattern_takes_long(pattern: str) -> None:
    begun = time.monotonic()
    assert not any_of([pattern])("a" * 200 + "!")
    assert time.monotonic() - begun < 1


def test_a_pattern_that_is_too_long_or_too_large_is_none() -> None:
    long = "a." * PATTERN_LIMIT
    assert not any_of([long])("ab" * PATTERN_LIMIT)
    assert any_of([long])(long)
    assert not any_of(["((((a{50}){50}){50}){50})"])("a" * 100)


def test_there_are_not_too_many() -> None:
    assert any_of([str(number) for number in range(1000)])("999")
    with pytest.raises(InvalidParameter):
        any_of([str(number) for number in range(1001)])


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_pattern_passes_or_not(pattern: str, text: str) -> None:
    test = any_of([pattern])
    assert test(pattern)
    assert test(text) in (True, False)


def test_names_need_no_library() -> None:
    program = (
        "import sys; from restd.lib.patterns import any_of; assert any_of(['^/web-1$', 'db'])('db');"
        "assert 're2' not in sys.modules; any_of(['a|b']); assert 're2' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
