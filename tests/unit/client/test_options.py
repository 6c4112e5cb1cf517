from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.errors import UsageError
from client.options import Arguments, Option, Parser, suggest
from client.values import integer

OPTIONS = (
    Option("interactive i", "x"),
    Option("tty t", "x"),
    Option("detach d", "x"),
    Option("env e", "x", "NAME", many=True),
    Option("last n", "x", "NUMBER", integer),
    Option("name", "x", "NAME"),
    Option("human H", "x", default=True),
)


def parse(*words: str, greedy: bool = False) -> Arguments:
    return Parser(OPTIONS, greedy).parse(words)


def test_letters_may_be_joined() -> None:
    found = parse("-itd", "box")
    assert found.flag("interactive") and found.flag("tty") and found.flag("detach")
    assert found.words == ["box"]


@pytest.mark.parametrize("words", [["-n5"], ["-n=5"], ["-n", "5"], ["--last=5"], ["--last", "5"], ["-tn", "5"]])
def test_a_value_may_be_written_in_each_of_dockers_ways(words: list[str]) -> None:
    assert parse(*words).value("last") == 5


def test_a_repeated_option_keeps_all_values_in_order() -> None:
    assert parse("-e", "A=1", "--env=B", "-eC").many("env") == ["A=1", "B", "C"]


def test_a_flag_can_be_denied() -> None:
    assert not parse("--tty=false").flag("tty")
    assert not parse("-H=0").flag("human")
    assert parse().flag("human")


def test_a_greedy_verb_leaves_the_options_behind_its_first_word_alone() -> None:
    found = parse("-t", "box", "ls", "-i", "--unknown", greedy=True)
    assert found.words == ["box", "ls", "-i", "--unknown"]
    assert not found.flag("interactive")


def test_options_may_follow_words_and_two_dashes_end_them() -> None:
    found = parse("a", "-t", "--", "-i")
    assert found.words == ["a", "-i"] and found.flag("tty") and not found.flag("interactive")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--nam", "x"], "unknown option --nam; did you mean --name?"),
        (["--xyzzy"], "unknown option --xyzzy"),
        (["-ix"], "unknown option -x in -ix"),
        (["--name"], "option --name needs a value: NAME"),
        (["-n"], "option -n needs a value: NUMBER"),
        (["-n", "five"], 'invalid argument "five" for -n, --last: a whole number is wanted'),
        (["--tty=perhaps"], 'invalid argument "perhaps" for -t, --tty: true or false is wanted'),
        (["--i"], "unknown option --i"),
    ],
)
def test_a_wrong_option_is_named_with_the_reason(words: list[str], reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(*words)
    assert str(caught.value).startswith(reason)


def test_h_asks_for_help_unless_an_option_has_the_letter() -> None:
    assert parse("-h").flag("help")
    taken = Parser((Option("hostname h", "", "NAME"),)).parse(["-h", "box"])
    assert taken.text("hostname") == "box" and not taken.flag("help")


def test_suggestions_prefer_a_beginning() -> None:
    assert suggest("net", ["name", "network"]) == "network"
    assert suggest("imgaes", ["images", "ps"]) == "images"
    assert suggest("zzz", ["images", "ps"]) == ""


@given(st.lists(st.text(max_size=6) | st.sampled_from(["-i", "-t", "-e", "--env=", "--name", "--", "-n1", "-"])))
def test_any_command_line_is_parsed_or_refused(words: list[str]) -> None:
    try:
        found = parse(*words)
    except UsageError:
        return
    assert len(found.words) + len(found.many("env")) <= len(words)
