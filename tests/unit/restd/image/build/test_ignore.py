from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.errors import InvalidParameter
from restd.image.build.ignore import matching, parse_ignore


@pytest.mark.parametrize(
    ("patterns", "ignored", "kept"),
    [
        ("a", ["a", "a/b", "a/b/c"], ["b/a", "ab"]),
        ("/a", ["a"], []),
        ("*.log", ["x.log"], ["d/x.log"]),
        ("**/*.log", ["x.log", "d/x.log", "d/e/x.log"], ["x.logs"]),
        ("a/**", ["a/b", "a/b/c"], ["b"]),
        ("**", ["a", "a/b"], []),
        ("a?c", ["abc"], ["ac", "a/c"]),
        ("[a-c]x", ["bx"], ["dx"]),
        ("[^a]x", ["bx"], ["ax", "/x"]),
        ("d\n!d/keep", ["d", "d/x"], ["d/keep", "d/keep/y"]),
        ("*\n!*.md\nREADME.md", ["x", "README.md"], ["other.md"]),
        ("./a/../b", ["b"], ["a"]),
        ("# comment\n\n  a  ", ["a"], ["# comment"]),
        ("a\\*b", ["a*b"], ["axb"]),
    ],
)
def test_which_files_count(patterns: str, ignored: list[str], kept: list[str]) -> None:
    rules = parse_ignore(patterns.encode())
    assert [path for path in ignored if not rules.excludes(path)] == []
    assert [path for path in kept if rules.excludes(path)] == []


def test_nothing_is_ignored_by_an_empty_file() -> None:
    assert not parse_ignore(b"").excludes("anything")
    assert not parse_ignore(b".\n").excludes("anything")
    assert parse_ignore(b"a\n!b").takes_back


@pytest.mark.parametrize("text", ["!", "a[", "a\\"])
def test_bad_patterns_are_said(text: str) -> None:
    with pytest.raises(InvalidParameter):
        parse_ignore(text.encode())


def test_sources_with_wildcards() -> None:
    paths = ["a.txt", "b.txt", "d/c.txt", "d"]
    assert matching("*.txt", paths) == ["a.txt", "b.txt"]
    assert matching("/d/*.txt", paths) == ["d/c.txt"]
    assert matching("d", paths) == ["d"]


@given(st.text(max_size=60), st.text(max_size=30))
def test_any_file_is_rules_or_a_clear_error(text: str, path: str) -> None:
    try:
        parse_ignore(text.encode("utf-8", "surrogatepass")).excludes(path)
    except InvalidParameter:
        return
