from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.gotokens import TemplateError, Token, split


def words(text: str) -> list[str]:
    return [f"{token.kind} {token.text}" for part in split(text) if isinstance(part, list) for token in part]


def test_text_and_actions_are_told_apart() -> None:
    parts = split("a {{.B}} c")
    assert parts[0] == "a " and parts[2] == " c"
    assert isinstance(parts[1], list) and parts[1][0].value == "B"


def test_every_kind_of_word() -> None:
    found = words("{{$x := index .A.B \"k\" 12 0x1f -3 1.5 'a' | printf `%s`}}")
    assert found == [
        *("variable $x", "mark :=", "name index", "field .A", "field .B", 'string "k"', "number 12", "number 0x1f"),
        *("number -3", "number 1.5", "number 'a'", "mark |", "name printf", "string `%s`"),
    ]


def test_white_space_is_trimmed_where_a_dash_says_so() -> None:
    assert [part for part in split("a  {{- .B -}}\n c") if isinstance(part, str)] == ["a", "c"]
    assert [part for part in split("a {{/* no */ -}} b") if isinstance(part, str)] == ["a ", "b"]


def test_a_string_may_hold_the_closing_mark_and_escapes() -> None:
    part = split(r'{{"}}\n\x41é"}}')[0]
    assert isinstance(part, list) and part[0].value == "}}\nAé"


@pytest.mark.parametrize(
    "text", ["{{", '{{"a', "{{`a", "{{'ab'}}", r'{{"\q"}}', "{{#}}", "{{/* x", "{{1x}}", "x" * 70000]
)
def test_damaged_templates_are_refused(text: str) -> None:
    with pytest.raises(TemplateError):
        split(text)


@given(st.text(alphabet="{}.$\"`'|()-=/* abA1\n\\x:,") | st.text())
def test_any_text_is_split_or_refused(text: str) -> None:
    try:
        parts = split(text)
    except TemplateError:
        return
    assert all(isinstance(part, str) or all(isinstance(token, Token) for token in part) for part in parts)
