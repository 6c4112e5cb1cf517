from __future__ import annotations

import pytest

from client.help import group_help, program_help, usage, verb_help
from client.program import _OPTIONS
from client.verbs import GROUPS, TABLE, find_verb


@pytest.mark.parametrize("name", TABLE)
def test_the_help_of_each_verb_fits_a_screen_and_has_an_example(name: str) -> None:
    text = verb_help(name)
    lines = text.splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 120
    assert lines[-1].startswith("Example: isula-rest ")
    for option in find_verb(name).options:
        assert f"--{option.key}" in text


def test_the_help_of_the_program_lists_every_verb() -> None:
    text = program_help(_OPTIONS)
    assert all(f"\n  {name.split()[0]} " in text for name in TABLE)
    assert len(text.splitlines()) <= 50


@pytest.mark.parametrize("name", ["attach", "exec", "run", "start"])
def test_the_limit_of_detaching_is_told(name: str) -> None:
    assert "INFO: Wait container stopped status timeout." in " ".join(verb_help(name).split())


@pytest.mark.parametrize("group", GROUPS)
def test_the_help_of_a_group_lists_its_commands(group: str) -> None:
    text = group_help(group)
    names = [name.split()[1] for name in TABLE if name.startswith(group + " ")]
    assert names and all(f"\n  {name} " in text for name in names)


def test_usage_shows_the_words_of_a_verb() -> None:
    assert usage("rename") == "isula-rest rename CONTAINER NEW_NAME"
