from __future__ import annotations

import pytest

from restd.api.schemas.build import BuildUlimit, read_ulimits
from restd.errors import InvalidParameter


def test_limits_are_a_json_list() -> None:
    assert read_ulimits("null") == []
    assert read_ulimits('[{"Name": "nofile", "Hard": 20, "Soft": 10}]') == [BuildUlimit("nofile", 20, 10)]


@pytest.mark.parametrize("text", ["{", "{}", "[1]", '[{"Hard": "x"}]'])
def test_what_is_none_is_said(text: str) -> None:
    with pytest.raises(InvalidParameter):
        read_ulimits(text)
