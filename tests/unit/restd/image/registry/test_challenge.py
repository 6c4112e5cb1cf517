from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from restd.image.registry.challenge import Challenge, parse_challenges


def test_a_bearer_challenge_has_its_parameters() -> None:
    header = 'Bearer realm="https://auth.example/token",service="registry",scope="repository:a/b:pull,push"'
    assert parse_challenges([header]) == [
        Challenge(
            "bearer",
            {"realm": "https://auth.example/token", "service": "registry", "scope": "repository:a/b:pull,push"},
        )
    ]


def test_several_challenges_may_share_a_header_or_come_in_several() -> None:
    assert parse_challenges(['Basic realm="a, b", Bearer realm=x , service="y\\"z"', "Negotiate"]) == [
        Challenge("basic", {"realm": "a, b"}),
        Challenge("bearer", {"realm": "x", "service": 'y"z'}),
        Challenge("negotiate"),
    ]


def test_rubbish_is_no_challenge() -> None:
    assert parse_challenges(["", "=", '"', ","]) == []


@given(st.lists(st.text(max_size=60)))
def test_no_header_is_an_error(headers: list[str]) -> None:
    assert all(isinstance(one, Challenge) for one in parse_challenges(headers))


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.text("abc ,=/:", max_size=10), min_size=1))
def test_what_is_written_is_read(parameters: dict[str, str]) -> None:
    header = "Bearer " + ",".join(f'{key}="{value}"' for key, value in parameters.items())
    assert parse_challenges([header]) == [Challenge("bearer", parameters)]
