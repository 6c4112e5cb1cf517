from __future__ import annotations

import pytest

from restd.api.versions import NEWEST, check_served, split_prefix, text_of
from restd.errors import InvalidParameter


@pytest.mark.parametrize(
    ("path", "version", "rest"),
    [
        ("/_ping", NEWEST, "/_ping"),
        ("/v1.41/info", (1, 41), "/info"),
        ("/v1.9/info", (1, 9), "/info"),
        ("/v1/info", (1,), "/info"),
        ("/version", NEWEST, "/version"),
        ("/volumes/x", NEWEST, "/volumes/x"),
        ("/v1.41", NEWEST, "/v1.41"),
        ("/v1..4/info", NEWEST, "/v1..4/info"),
        ("/v" + "9" * 5000 + "/info", NEWEST, "/v" + "9" * 5000 + "/info"),
    ],
)
def test_the_prefix_is_split_off(path: str, version: tuple[int, ...], rest: str) -> None:
    assert split_prefix(path) == (version, rest)


@pytest.mark.parametrize("version", [(1, 24), (1, 41), (1, 50)])
def test_versions_in_range_are_served(version: tuple[int, ...]) -> None:
    check_served(version)


def test_a_version_that_is_too_new_is_refused_in_dockers_words() -> None:
    with pytest.raises(InvalidParameter) as refused:
        check_served((1, 51))
    assert str(refused.value) == "client version 1.51 is too new. Maximum supported API version is 1.50"


@pytest.mark.parametrize("version", [(1, 9), (1, 23), (1,), (0, 99)])
def test_versions_compare_by_number(version: tuple[int, ...]) -> None:
    with pytest.raises(InvalidParameter, match=f"client version {text_of(version)} is too old. Minimum supported"):
        check_served(version)
