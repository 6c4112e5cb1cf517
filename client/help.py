"""Help texts, made from the same tables that parse the command line."""

from __future__ import annotations

import textwrap

from client.verbs import GROUPS, TABLE, find_verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from client.options import Option

_WIDTH = 100


def program_help(options: Sequence[Option]) -> str:
    """The help of the whole program."""
    lines = [
        "Usage: isula-rest [OPTIONS] COMMAND [ARG...]",
        "",
        "Containers, over the Docker Engine API.",
        "",
        "Commands:",
    ]
    rows = {}
    for name, (_, summary) in TABLE.items():
        group = name.partition(" ")[0]
        rows[group] = GROUPS.get(group, summary)
    lines += [f"  {name:<9} {summary}" for name, summary in rows.items()]
    lines += ["", "Options:", *_rows(options), "", "'isula-rest COMMAND --help' tells more about a command."]
    lines += ["Example: isula-rest run --rm -it busybox sh"]
    return "\n".join(lines) + "\n"


def group_help(group: str) -> str:
    """The help of commands that begin with the same word."""
    lines = [f"Usage: isula-rest {group} COMMAND [ARG...]", "", GROUPS[group] + ".", "", "Commands:"]
    for name, (_, summary) in TABLE.items():
        first, _, second = name.partition(" ")
        if first == group and second:
            lines.append(f"  {second:<10} {summary}")
    lines += ["", f"'isula-rest {group} COMMAND --help' tells more about a command."]
    return "\n".join(lines) + "\n"


def verb_help(name: str) -> str:
    """The help of one command."""
    verb = find_verb(name)
    lines = [f"Usage: {usage(name)}", "", TABLE[name][1] + "."]
    described = [option for option in verb.options if option.help]
    if described:
        lines += ["", "Options:", *_rows(described)]
    others = [_left(option).replace(" ", "\N{NO-BREAK SPACE}") for option in verb.options if not option.help]
    if others:
        paragraph = textwrap.fill("Also: " + "; ".join(others) + ".", _WIDTH, break_on_hyphens=False)
        lines += ["", paragraph.replace("\N{NO-BREAK SPACE}", " ")]
    if verb.note:
        lines += ["", *textwrap.wrap(verb.note, _WIDTH)]
    if verb.example:
        lines += ["", "Example: " + verb.example]
    return "\n".join(lines) + "\n"


def usage(name: str) -> str:
    """How a command is written: `isula-rest stop [OPTIONS] CONTAINER...`."""
    verb = find_verb(name)
    return " ".join(filter(None, ("isula-rest", name, "[OPTIONS]" if verb.options else "", verb.words)))


def _rows(options: Sequence[Option]) -> list[str]:
    """One line an option, long names below each other."""
    left = [text if text[1] != "-" else "    " + text for text in map(_left, options)]
    width = min(max(map(len, left), default=0), 36)
    return [f"  {left[at]:<{width}}  {option.help}" for at, option in enumerate(options)]


def _left(option: Option) -> str:
    return option.spelled() + (" " + option.value if option.value else "")
