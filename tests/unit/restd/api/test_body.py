from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.api.body import check_json_type, decode_object, read_all
from restd.api.errors import PayloadTooLarge
from restd.errors import InvalidParameter

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


class Parts:
    def __init__(self, *parts: bytes) -> None:
        self._parts = [*parts, b""]

    async def readany(self) -> bytes:
        return self._parts.pop(0)


def test_a_body_is_read_to_its_limit_and_not_beyond() -> None:
    assert asyncio.run(read_all(Parts(b"ab", b"cd"), 4)) == b"abcd"
    with pytest.raises(PayloadTooLarge, match="limit of 3 bytes"):
        asyncio.run(read_all(Parts(b"ab", b"cd"), 3))


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), st.sampled_from(["", " ", "\n", "\r\n\t"]))
def test_objects_are_read_with_space_around_them(value: dict[str, object], space: str) -> None:
    assert decode_object((space + json.dumps(value) + space).encode()) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_an_object_or_an_invalid_parameter(data: bytes) -> None:
    try:
        assert isinstance(decode_object(data), dict)
    except InvalidParameter as error:
        assert str(error)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "invalid JSON: got EOF while reading request body"),
        (b"  ", "invalid JSON: got EOF while reading request body"),
        (b"{} {}", "unexpected content after JSON"),
        (b"{}x", "unexpected content after JSON"),
        (b"[]", "an object is expected, not a list"),
        (b'"x"', "an object is expected, not a string"),
        (b"{", "invalid JSON: "),
        (b'{"a":NaN}', "NaN is not JSON"),
        (b'{"a":' + b"[" * 100_000, "invalid JSON"),
        (b'{"a":' + b"1" * 5000 + b"}", "invalid JSON"),
        (b"\xef\xbb\xbf{}", "invalid JSON"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, says: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        decode_object(data)
    assert says in str(refused.value)


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_types_are_taken(content_type: str) -> None:
    check_json_type(content_type, empty=False)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "", None, "application/jsonx"]
)
def test_other_types_are_refused_unless_there_is_no_body(content_type: str | None) -> None:
    check_json_type(content_type, empty=True)
    with pytest.raises(InvalidParameter, match="unsupported Content-Type header"):
        check_json_type(content_type, empty=False)
