import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.container.detach_keys import parse
from restd.errors import InvalidParameter


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", [16, 17]),
        ("ctrl-p,ctrl-q", [16, 17]),
        ("a", [97]),
        ("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", [0, 27, 28, 29, 30, 31]),
        ("DEL,x", [127, 120]),
        ("ctrl-A", [1]),
    ],
)
def test_dockers_notation(text: str, keys: list[int]) -> None:
    assert parse(text) == keys


@pytest.mark.parametrize("text", ["ctrl-!", "ctrl-", "ab", "a,,b", ",", "ctrl-pp", "é"])
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parse(text)
    assert str(caught.value) == f"Invalid detach keys ({text}) provided"


@given(st.text(max_size=20))
def test_any_text_gives_bytes_or_a_refusal(text: str) -> None:
    try:
        assert all(0 <= key < 128 for key in parse(text))
    except InvalidParameter:
        return
