"""`.dockerignore`: which files of a build's context count. Pure.

Rules of https://docs.docker.com/build/concepts/context/#dockerignore-files: patterns of Go's `filepath.Match` with
`**` for any number of folders; a pattern also takes what is below what it matches; `!` takes back; the last one counts.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from restd.errors import InvalidParameter

_MOST_PATTERNS = 10_000
_LONGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Ignore:
    """The patterns of one file, in order: (whether it takes back, expression)."""

    rules: tuple[tuple[bool, re.Pattern[str]], ...] = ()

    def excludes(self, path: str) -> bool:
        """Whether `path`, relative to the context and without a leading slash, does not count."""
        ignored = False
        for takes_back, expression in self.rules:
            if takes_back == ignored and expression.fullmatch(path):
                ignored = not takes_back
        return ignored

    @property
    def takes_back(self) -> bool:
        """Whether something below an ignored folder may count after all."""
        return any(takes_back for takes_back, _ in self.rules)


def parse_ignore(data: bytes) -> Ignore:
    """The rules of a file. InvalidParameter for a pattern that is none."""
    if len(data) > _LONGEST:
        raise InvalidParameter(f".dockerignore is larger than {_LONGEST} bytes")
    rules: list[tuple[bool, re.Pattern[str]]] = []
    for line in data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").splitlines():
        text = line.strip()
        if not text or line.startswith("#"):
            continue
        takes_back = text.startswith("!")
        pattern = text[1:].strip() if takes_back else text
        if not pattern:
            raise InvalidParameter('illegal exclusion pattern: "!"')
        cleaned = posixpath.normpath(pattern).lstrip("/")
        if cleaned == ".":
            continue
        rules.append((takes_back, expression_of(cleaned)))
        if len(rules) > _MOST_PATTERNS:
            raise InvalidParameter(f".dockerignore has more than {_MOST_PATTERNS} patterns")
    return Ignore(tuple(rules))


def expression_of(pattern: str, *, below: bool = True) -> re.Pattern[str]:
    """A pattern as a regular expression; with `below` it also matches everything under what it matches."""
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if pattern.startswith("**", at):
            at += 2
            if pattern.startswith("/", at):
                at += 1
                parts.append("(?:.*/)?")
            elif not parts or parts[-1] != ".*":
                parts.append(".*")
            continue
        at += 1
        if char == "*":
            if not parts or parts[-1] != "[^/]*":
                parts.append("[^/]*")
        elif char == "?":
            parts.append("[^/]")
        elif char == "[":
            text, at = _class(pattern, at)
            parts.append(text)
        elif char == "\\":
            if at >= len(pattern):
                raise InvalidParameter(f"syntax error in pattern {pattern!r}")
            parts.append(re.escape(pattern[at]))
            at += 1
        else:
            parts.append(re.escape(char))
    try:
        return re.compile("".join(parts) + ("(?:/.*)?" if below else ""), re.DOTALL)
    except re.error as error:
        raise InvalidParameter(f"syntax error in pattern {pattern!r}") from error


def _class(pattern: str, at: int) -> tuple[str, int]:
    """`[a-z]` or `[^a-z]`, from behind its bracket."""
    end = pattern.find("]", at + (pattern.startswith("^", at)) + 1)
    if end < 0:
        raise InvalidParameter(f"syntax error in pattern {pattern!r}")
    inner = pattern[at:end]
    negated = inner.startswith("^")
    members = inner[negated:].replace("\\", "\\\\").replace("[", "\\[").replace("^", "\\^")
    return f"[{'^/' if negated else ''}{members}]", end + 1


def matching(pattern: str, paths: Sequence[str]) -> list[str]:
    """The paths that a COPY or ADD source with wildcards means: `filepath.Match`, sorted."""
    expression = expression_of(posixpath.normpath(pattern).lstrip("/"), below=False)
    return sorted(path for path in paths if expression.fullmatch(path))
