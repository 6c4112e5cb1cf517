from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from restd.api.schemas.fields import Whole
from restd.api.schemas.objects import first_error, load, schema_of
from restd.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class Inner:
    some_count: int = 0


@dataclass(frozen=True, slots=True)
class Outer:
    some_name: str = ""
    flag: bool = False
    words: tuple[str, ...] | None = None
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)


SCHEMA = schema_of(Outer, {Inner: {"some_count": Whole(0, 5)}})()


@pytest.mark.parametrize("key", ["SomeName", "somename", "SOMENAME", "someName"])
def test_names_are_read_in_any_case(key: str) -> None:
    assert load(SCHEMA, {key: "x"}) == Outer(some_name="x")


def test_of_two_names_that_differ_in_case_the_last_counts() -> None:
    assert load(SCHEMA, {"SomeName": "a", "somename": "b"}).some_name == "b"


def test_null_means_absent_and_unknown_names_mean_nothing() -> None:
    assert load(SCHEMA, {"SomeName": None, "Inner": None, "Unknown": {"x": 1}}) == Outer()


def test_objects_inside_become_models() -> None:
    body = {"Inner": {"somecount": 5}, "Many": [{"SomeCount": 1}, {}, None], "Words": [], "Labels": {"a": "b"}}
    assert load(SCHEMA, body) == Outer(inner=Inner(5), many=(Inner(1), Inner(), Inner()), words=(), labels={"a": "b"})


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"SomeName": 1}, "SomeName: a string is expected, not a number"),
        ({"Inner": {"SomeCount": 6}}, "Inner.SomeCount: 6 is not between 0 and 5"),
        ({"Many": [{}, {"SomeCount": "x"}]}, "Many[1].SomeCount: a whole number is expected, not 'x'"),
        ({"Labels": {"a": 1}}, "Labels.a: a string is expected, not a number"),
        ({"Words": {}}, "Words: a list is expected, not an object"),
        ({"Inner": []}, "Inner: an object is expected, not a list"),
    ],
)
def test_an_error_names_the_field(body: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        load(SCHEMA, body)
    assert str(refused.value) == says


def test_the_first_of_nested_messages_is_told() -> None:
    assert first_error({"A": {0: {"_schema": ["bad"]}}, "B": ["worse"]}) == "A[0]: bad"
    assert first_error("bad") == "bad"
