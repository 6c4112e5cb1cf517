"""Image references: `[domain/]path[:tag][@digest]`, as people write them and in full.

Grammar and error texts are those of the distribution project's `reference` package (https://distribution.github.io/),
which every Docker client and server uses: an unqualified name means `docker.io/library/NAME`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from restd.errors import InvalidParameter

DEFAULT_DOMAIN = "docker.io"
DEFAULT_TAG = "latest"
_LEGACY_DOMAIN = "index.docker.io"
_OFFICIAL = "library/"
_LONGEST_NAME = 255
_LONGEST_TEXT = 4096

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"

_REFERENCE = re.compile(
    rf"(?P<domain>{_DOMAIN})/(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?"
)
_TAG_ONLY = re.compile(_TAG)
_HEX_ID = re.compile(r"[a-f0-9]{64}")
_SHA256 = re.compile(r"sha256:[a-f0-9]{64}")


@dataclass(frozen=True, slots=True)
class Reference:
    """A normalised reference: `domain` and `path` always set, `tag` and `digest` None when not given."""

    domain: str
    path: str
    tag: str | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """The repository in full: `docker.io/library/busybox`."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """The repository as Docker shows it: `busybox`."""
        if self.domain != DEFAULT_DOMAIN:
            return self.name
        rest = self.path.removeprefix(_OFFICIAL)
        return rest if "/" not in rest else self.path

    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    def __str__(self) -> str:
        return self.name + self._suffix()

    @property
    def familiar(self) -> str:
        """The whole reference as Docker shows it: `busybox:latest`."""
        return self.familiar_name + self._suffix()

    def with_default_tag(self) -> Reference:
        """Itself, with `latest` if it has neither tag nor digest."""
        return self if self.tag or self.digest else replace(self, tag=DEFAULT_TAG)


def _split_domain(text: str) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    if not slash:
        return DEFAULT_DOMAIN, _OFFICIAL + text
    if first == _LEGACY_DOMAIN:
        domain, remote = DEFAULT_DOMAIN, rest
    elif first == "localhost" or "." in first or ":" in first or first.lower() != first:
        domain, remote = first, rest
    else:
        domain, remote = DEFAULT_DOMAIN, text
    if domain == DEFAULT_DOMAIN and "/" not in remote:
        remote = _OFFICIAL + remote
    return domain, remote


@lru_cache(maxsize=1024)
def parse_reference(text: str) -> Reference:
    """Normalise `text`. Raises InvalidParameter in Docker's words (`invalid reference format`, ...)."""
    if len(text) > _LONGEST_TEXT:
        raise InvalidParameter("invalid reference format")
    if _HEX_ID.fullmatch(text):
        raise InvalidParameter(f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings")
    domain, remote = _split_domain(text)
    path = remote.partition(":")[0] if "@" not in remote else remote.partition("@")[0].partition(":")[0]
    if path.lower() != path:
        raise InvalidParameter(f"invalid reference format: repository name ({path}) must be lowercase")
    match = _REFERENCE.fullmatch(f"{domain}/{remote}")
    if match is None:
        raise InvalidParameter("invalid reference format")
    if len(match["path"]) > _LONGEST_NAME:
        raise InvalidParameter("repository name must not be more than 255 characters")
    digest = match["digest"]
    if digest is not None and not _SHA256.fullmatch(digest):
        if digest.partition(":")[0] == "sha256":
            raise InvalidParameter("invalid checksum digest length")
        raise InvalidParameter("unsupported digest algorithm")
    return Reference(match["domain"], match["path"], match["tag"], digest)


def is_tag(text: str) -> bool:
    """Whether `text` may stand behind the colon of a reference."""
    return _TAG_ONLY.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Whether `text` is a full `sha256:HEX` digest."""
    return _SHA256.fullmatch(text) is not None


def matches(pattern: str, reference: Reference) -> bool:
    """Whether the list filter `reference=PATTERN` selects `reference`.

    A glob with path semantics (`*` and `?` stop at `/`), against the familiar form, with or without tag.
    Raises InvalidParameter for a pattern that is no glob.
    """
    glob = _glob(pattern)
    return bool(glob.fullmatch(reference.familiar) or glob.fullmatch(reference.familiar_name))


@lru_cache(maxsize=256)
def _glob(pattern: str) -> re.Pattern[str]:
    """Go's `path.Match` as a regular expression: `*`, `?`, `[a-z]`, `[^a-z]` and `\\x`.

    What stands between two stars is looked for at its first place only (an atomic group): nothing is gained by another
    one, and trying them all could take for ever.
    """
    if len(pattern) > _LONGEST_TEXT:
        raise InvalidParameter("syntax error in pattern")
    runs: list[list[str]] = [[]]  # what stands between the stars
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        parts = runs[-1]
        if char == "*":
            runs.append([])
        elif char == "?":
            parts.append("[^/]")
        elif char == "\\":
            if at == len(pattern):
                raise InvalidParameter("syntax error in pattern")
            parts.append(re.escape(pattern[at]))
            at += 1
        elif char == "[":
            text, at = _character_class(pattern, at)
            parts.append(text)
        else:
            parts.append(re.escape(char))
    try:
        return re.compile(_in_order(["".join(parts) for parts in runs]), re.DOTALL)
    except re.error as error:
        raise InvalidParameter("syntax error in pattern") from error


def _in_order(runs: list[str]) -> str:
    if len(runs) == 1:
        return runs[0]
    first, *middle, last = runs
    return f"{first}{''.join(f'(?>[^/]*?{run})' for run in middle if run)}[^/]*{last}"


def _character_class(pattern: str, at: int) -> tuple[str, int]:
    negated = pattern.startswith("^", at)
    at += negated
    members: list[str] = []
    while True:
        if at >= len(pattern):
            raise InvalidParameter("syntax error in pattern")
        char = pattern[at]
        at += 1
        if char == "]" and members:
            return f"[{'^/' if negated else ''}{''.join(members)}]", at
        if char == "\\":
            if at >= len(pattern):
                raise InvalidParameter("syntax error in pattern")
            members.append(re.escape(pattern[at]))
            at += 1
        elif char == "-" and members and at < len(pattern) and pattern[at] != "]":
            members.append("-")
        else:
            members.append(re.escape(char))
