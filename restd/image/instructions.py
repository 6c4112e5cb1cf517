"""The words of a Dockerfile instruction: quotes, escapes, variables, key=value pairs, durations. Pure.

Source: the Dockerfile reference (https://docs.docker.com/reference/dockerfile/), "Environment replacement".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from restd.errors import InvalidParameter

_INSTRUCTION = re.compile(r"\s*([A-Za-z]+)(?:\s+(.*))?\s*", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_UNITS = {
    "ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000,
    "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000,
}  # fmt: skip
_LONGEST_DURATION = 1 << 63


def parse_instruction(line: str) -> tuple[str, str]:
    """The instruction's name in capitals and the rest of the line; InvalidParameter if it is none."""
    match = _INSTRUCTION.fullmatch(line)
    if match is None:
        raise InvalidParameter(f"unknown instruction: {line.split()[0].upper() if line.split() else ''}")
    return match[1].upper(), (match[2] or "").strip()


def string_list(text: str) -> list[str] | None:
    """The strings of a JSON list, or None if `text` is not one."""
    if not text.startswith("["):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return None
    return value


def duration_ns(text: str) -> int:
    """A duration as Go writes it (`1m30s`, `500ms`, `0`), in nanoseconds; InvalidParameter otherwise."""
    if text == "0":
        return 0
    at, total = 0, 0.0
    while match := _DURATION.match(text, at):
        total += float(match[1]) * _UNITS[match[2]]
        at = match.end()
    if not text or at != len(text) or total >= _LONGEST_DURATION:
        raise InvalidParameter(f"invalid duration {text!r}")
    return round(total)


@dataclass(frozen=True, slots=True)
class Variables:
    """What `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+instead}` stand for."""

    values: Mapping[str, str]

    def expand(self, text: str, at: int) -> tuple[str, int]:
        """The value of the variable whose `$` is at `at`, and the position behind it. A lone `$` is itself."""
        if not text.startswith("{", at + 1):
            match = _NAME.match(text, at + 1)
            return (self.values.get(match[0], ""), match.end()) if match else ("$", at + 1)
        match = _NAME.match(text, at + 2)
        end = text.find("}", at + 2)
        if match is None or end < 0:
            raise InvalidParameter(
                f"syntax error: missing '}}' in {text!r}" if match else f"bad substitution in {text!r}"
            )
        name, operator, word = match[0], text[match.end() : match.end() + 2], text[match.end() + 2 : end]
        if match.end() == end:
            return self.values.get(name, ""), end + 1
        if operator == ":-":
            return self.values.get(name) or word, end + 1
        if operator == ":+":
            return (word if self.values.get(name) else ""), end + 1
        raise InvalidParameter(f"unsupported modifier in substitution: {text!r}")


class _Reader:
    """One pass over a line; `_word` reads up to the next blank outside quotes."""

    def __init__(self, text: str, variables: Variables) -> None:
        self._text, self._variables = text, variables
        self._at = 0

    def words(self) -> list[str]:
        found: list[str] = []
        while True:
            while self._at < len(self._text) and self._text[self._at].isspace():
                self._at += 1
            if self._at >= len(self._text):
                return found
            found.append(self._word())

    def _word(self) -> str:
        text, parts, quote = self._text, [], ""
        while self._at < len(text):
            char = text[self._at]
            if char == quote:
                quote = ""
            elif not quote and char in "'\"":
                quote = char
            elif char == "\\" and quote != "'" and self._at + 1 < len(text):
                self._at += 1
                following = text[self._at]
                parts.append(following if not quote or following in '"$\\' else "\\" + following)
            elif char == "$" and quote != "'":
                value, self._at = self._variables.expand(text, self._at)
                parts.append(value)
                continue
            elif not quote and char.isspace():
                return "".join(parts)
            else:
                parts.append(char)
            self._at += 1
        if quote:
            raise InvalidParameter(f"unexpected end of statement while looking for matching {quote}")
        return "".join(parts)


def words(text: str, variables: Variables) -> list[str]:
    """The words of a line, quotes and escapes undone, variables replaced."""
    return _Reader(text, variables).words()


def pairs(instruction: str, rest: str, variables: Variables) -> list[tuple[str, str]]:
    """What ENV and LABEL set: `a=b c="d e"`, or in the old form `a everything behind it`."""
    first = rest.split(None, 1)
    if "=" not in first[0]:
        if len(first) < 2:
            raise InvalidParameter(f"{instruction} must have two arguments")
        quoted = '"' in first[1] or "'" in first[1] or "\\" in first[1]
        value = " ".join(words(first[1], variables)) if quoted else _plain(first[1], variables)
        return [(first[0], value)]
    found = []
    for word in words(rest, variables):
        name, equals, value = word.partition("=")
        if not equals:
            raise InvalidParameter(f"Syntax error - can't find = in {word!r}. Must be of the form: name=value")
        if not name:
            raise InvalidParameter(f"{instruction} names can not be blank")
        found.append((name, value))
    return found


def _plain(text: str, variables: Variables) -> str:
    """Variables replaced, blanks kept as they are."""
    parts, at = [], 0
    while at < len(text):
        if text[at] == "$":
            value, at = variables.expand(text, at)
            parts.append(value)
        else:
            parts.append(text[at])
            at += 1
    return "".join(parts)
