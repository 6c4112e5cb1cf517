from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client import format as layout
from client.errors import ClientError


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0B"),
        (2, "2B"),
        (999, "999B"),
        (1000, "1kB"),
        (1982464, "1.98MB"),
        (4_260_000, "4.26MB"),
        (13_300, "13.3kB"),
    ],
)
def test_sizes_are_dockers(count: int, text: str) -> None:
    assert layout.size(count) == text


def test_memory_is_in_powers_of_1024() -> None:
    assert layout.binary_size(25277251584) == "23.54GiB"


def test_columns_are_ten_wide_with_a_gap_of_three() -> None:
    assert layout.table([["ID", "NAME", "X"], ["1234567890", "a", "yes"]]) == (
        "ID           NAME      X\n1234567890   a         yes\n"
    )


def test_wide_letters_take_two_columns() -> None:
    assert layout.width("漢字") == 4
    assert layout.width("e\u0301") == 1
    assert layout.table([["漢字漢字漢", "x"], ["a", "y"]]).splitlines()[1] == "a" + " " * 12 + "y"


@given(st.lists(st.lists(st.text(alphabet="abc漢é", max_size=20), min_size=3, max_size=3), min_size=1, max_size=5))
def test_every_column_begins_at_the_same_place(rows: list[list[str]]) -> None:
    marked = [[first, second, "#" + third.replace("#", "")] for first, second, third in rows]
    lines = layout.table(marked).splitlines()
    assert len({layout.width(line.partition("#")[0]) for line in lines}) == 1


def test_rows_by_a_template() -> None:
    rows = [{"ID": "1", "Label": lambda name: name * 2}, {"ID": "22", "Label": lambda name: ""}]
    headers = {"ID": "CONTAINER ID"}
    assert layout.render("{{.ID}}", rows, headers) == "1\n22\n"
    assert layout.render("json", rows, headers) == '{"ID":"1"}\n{"ID":"22"}\n'
    assert layout.render(r'table {{.ID}}\t{{.Label "x"}}', rows, headers) == (
        "CONTAINER ID   x\n1              xx\n22             \n"
    )
    with pytest.raises(ClientError, match="template parsing error"):
        layout.render("{{.Nope}}", rows, headers)


def test_one_value_by_a_template() -> None:
    assert layout.value("json", {"a": 1}) == '{"a":1}\n'
    assert layout.value(r"{{.a}}\tx", {"a": 1}) == "1\tx\n"
    with pytest.raises(ClientError, match="no entry for key"):
        layout.value("{{.b}}", {"a": 1})


def test_long_texts_are_cut_with_an_ellipsis() -> None:
    assert layout.cut("abcdef", 4) == "abc…"
    assert layout.cut("abcd", 4) == "abcd"
