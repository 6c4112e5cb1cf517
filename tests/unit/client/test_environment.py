from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client import environment


def test_a_bare_name_takes_the_clients_value_or_removes_the_images() -> None:
    found = environment.variables((), ["A=1", "B", "C", "D="], {"B": "here"})
    assert found == ["A=1", "B=here", "C", "D="]


def test_files_come_before_options_and_lose_bare_names_that_are_not_set(tmp_path: Path) -> None:
    (tmp_path / "env").write_bytes(b"\xef\xbb\xbf# comment\n\nA=x=y \r\n  B=2\nC\nD\n")
    found = environment.variables([f"{tmp_path}/env"], ["A=3"], {"D": "d"})
    assert found == ["A=x=y ", "B=2", "D=d", "A=3"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"A B=1", 'line 1: the variable name "A B" contains white space'),
        (b"A=1\n=2", "line 2 has no variable name"),
        (b"A=1\n\xff", "line 2 is not UTF-8"),
    ],
)
def test_a_bad_line_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        environment.parse_lines(data, "variable")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"open .*/none: no such file or directory"):
        environment.variables([f"{tmp_path}/none"], (), {})


def test_an_environment_entry_needs_a_name() -> None:
    with pytest.raises(ValueError, match="the name is missing"):
        environment.variables((), ["=x"], {})


def test_labels_of_options_win_and_may_be_bare(tmp_path: Path) -> None:
    (tmp_path / "labels").write_text("a=1\nb=2\n")
    assert environment.labels([f"{tmp_path}/labels"], ["b=3", "c"]) == {"a": "1", "b": "3", "c": ""}
    with pytest.raises(ValueError, match="invalid label"):
        environment.labels((), ["=x"])


def test_pairs_need_a_value() -> None:
    assert environment.pairs(["a=b=c"], "sysctl") == {"a": "b=c"}
    with pytest.raises(ValueError, match='invalid sysctl "a"'):
        environment.pairs(["a"], "sysctl")


@given(st.binary())
def test_any_file_is_read_or_refused(data: bytes) -> None:
    try:
        entries = environment.parse_lines(data, "variable")
    except ValueError:
        return
    assert all(entry and not entry.startswith("=") for entry in entries)
