from __future__ import annotations

import pytest

from restd.api.routes.build import read_strings, read_tags
from restd.errors import InvalidParameter


def test_maps_are_json_objects_of_strings() -> None:
    assert read_strings("", "labels") == {}
    assert read_strings("null", "labels") == {}
    assert read_strings('{"a": "b"}', "labels") == {"a": "b"}
    assert read_strings('{"a": null}', "buildargs", nulls=True) == {"a": None}
    for text in ("{", "[]", '{"a": 1}', '{"a": null}', "[" * 99999):
        with pytest.raises(InvalidParameter, match="invalid value for labels"):
            read_strings(text, "labels")


def test_tags_are_references_without_digest() -> None:
    assert [tag.familiar for tag in read_tags(["a", "b:1", "", "a:latest"])] == ["a:latest", "b:1"]
    with pytest.raises(InvalidParameter, match="cannot contain a digest"):
        read_tags(["a@sha256:" + "a" * 64])
    with pytest.raises(InvalidParameter):
        read_tags(["Bad Name"])
