from __future__ import annotations

from collections.abc import Mapping

import pytest

from restd.errors import InvalidParameter
from restd.image.build.arguments import Arguments
from restd.image.build.dockerfile import Instruction
from restd.image.instructions import Variables

NOTHING = Variables({})


def arg(rest: str) -> Instruction:
    return Instruction("ARG", rest, 1)


def made(given: Mapping[str, str | None] | None = None) -> Arguments:
    return Arguments(given or {}, {"TARGETARCH": "amd64"})


def test_a_value_that_is_given_wins_over_the_default() -> None:
    one = made({"A": "given", "B": None})
    one.declare(arg("A=default"), NOTHING)
    one.declare(arg("B=kept C"), NOTHING)
    assert one.stage == {"A": "given", "B": "kept"}


def test_a_global_is_for_from_lines_and_gives_its_default_to_a_stage() -> None:
    one = made({"V": "2"})
    one.declare_global(arg("V=1"))
    one.declare_global(arg("W=$V"))
    assert (one.from_values()["V"], one.from_values()["W"]) == ("2", "2")
    one.begin_stage()
    assert one.stage == {}
    one.declare(arg("W"), NOTHING)
    assert one.stage == {"W": "2"}
    one.begin_stage()
    assert one.stage == {}


def test_the_platform_counts_where_it_is_asked_for() -> None:
    one = made()
    assert one.stage == {}
    one.declare(arg("TARGETARCH"), NOTHING)
    assert one.stage == {"TARGETARCH": "amd64"}


def test_proxies_reach_a_command_and_nothing_else() -> None:
    one = made({"http_proxy": "secret", "OTHER": "x", "A": "1"})
    one.declare(arg("A"), NOTHING)
    environment, shown = one.environment([])
    assert environment == ["A=1", "http_proxy=secret"]
    assert shown == ["A=1"]
    assert one.unused() == ["OTHER"]


def test_the_environment_counts_more() -> None:
    one = made({"A": "1"})
    one.declare(arg("A"), NOTHING)
    assert one.environment(["A=own"]) == ([], [])


def test_a_name_is_needed() -> None:
    with pytest.raises(InvalidParameter, match="ARG names can not be blank"):
        made().declare(arg("=x"), NOTHING)
