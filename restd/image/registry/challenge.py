"""`WWW-Authenticate`: what a registry wants to see (RFC 9110, 11.6.1). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_SCHEME = re.compile(r"\s*,?\s*([A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]*)(?=\s|,|$)(?!\s*=)")
_PARAMETER = re.compile(r'\s*,?\s*([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_LONGEST = 8192


@dataclass(frozen=True, slots=True)
class Challenge:
    """One of them: `scheme` in lower case (`basic`, `bearer`) and its parameters, names in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_challenges(headers: Sequence[str]) -> list[Challenge]:
    """All challenges of all `WWW-Authenticate` headers. What is no challenge ends the reading of its header."""
    return [challenge for header in headers for challenge in _parse(header[:_LONGEST])]


def _parse(header: str) -> list[Challenge]:
    found: list[Challenge] = []
    at = 0
    while (match := _SCHEME.match(header, at)) is not None:
        at = match.end()
        parameters: dict[str, str] = {}
        while (pair := _PARAMETER.match(header, at)) is not None:
            at = pair.end()
            quoted = pair[2]
            parameters[pair[1].lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else pair[3]
        found.append(Challenge(match[1].lower(), parameters))
    return found
