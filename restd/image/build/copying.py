"""COPY and ADD: which files go where, pure but for reading heredocs' names.

Rules of the Dockerfile reference ("COPY", "ADD"): a destination is relative to the working directory; it is a folder if
it ends in a slash, if there are several sources, or if a folder is there; of a source that is a folder the contents go.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from restd.image.build.dockerfile import Instruction
from restd.image.instructions import Variables, string_list, words

_MODE = re.compile(r"[0-7]{3,4}")
_NAME = re.compile(r"[a-zA-Z_][\w.-]*|\d+")
_URL = re.compile(r"https?://")


@dataclass(frozen=True, slots=True)
class Inline:
    """A file whose text stands in the Dockerfile."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Copy:
    """What one COPY or ADD asks for. `target` is absolute; `folder` if it must be one. `mode` None: as it is."""

    sources: tuple[str, ...]
    inline: tuple[Inline, ...]
    target: str
    folder: bool
    owner: str
    mode: int | None
    origin: str
    """Where the sources are: empty for the context, else a stage, its number, or an image."""

    @property
    def urls(self) -> tuple[str, ...]:
        """Sources that are addresses; ADD fetches them."""
        return tuple(source for source in self.sources if _URL.match(source))


def read_copy(one: Instruction, variables: Variables, working_dir: str) -> Copy:
    """The instruction, with variables replaced. InvalidParameter, with the line, for what it may not say."""
    for flag in ("parents", "exclude", "checksum", "keep-git-dir"):
        if one.flag(flag) is not None:
            raise one.failure(f"{one.name} --{flag} is not supported by this builder")
    listed = string_list(one.rest)
    found = words(one.rest, variables) if listed is None else [_expanded(item, variables) for item in listed]
    names = [f"<<{'-' if f'<<-{heredoc.name}' in one.rest else ''}{heredoc.name}" for heredoc in one.heredocs]
    found = [word for word in found if not (one.heredocs and word.startswith("<<") and word.rstrip() in names)]
    if len(found) + len(one.heredocs) < 2 or not found:
        raise one.failure(f"{one.name} requires at least two arguments, but only one was provided")
    sources, target = found[:-1], found[-1]
    inline = tuple(
        Inline(heredoc.name, _expanded(heredoc.text, variables) if heredoc.expand else heredoc.text)
        for heredoc in one.heredocs
    )
    many = len(sources) + len(inline) > 1
    folder = target.endswith(("/", "/.")) or target in (".", "./")
    if many and not folder:
        raise one.failure(
            f"When using {one.name} with more than one source file, "
            "the destination must be a directory and end with a /"
        )
    return Copy(
        tuple(sources),
        inline,
        posixpath.normpath(posixpath.join(working_dir or "/", target)) if target != "/" else "/",
        folder,
        _one_word(one.flag("chown"), variables),
        _mode(one, variables),
        _one_word(one.flag("from"), variables),
    )


def _one_word(text: str | None, variables: Variables) -> str:
    return _expanded(text, variables) if text else ""


def _expanded(text: str, variables: Variables) -> str:
    """Variables replaced, everything else kept."""
    parts: list[str] = []
    at = 0
    while at < len(text):
        if text[at] == "$":
            value, at = variables.expand(text, at)
            parts.append(value)
        elif text[at] == "\\" and text[at + 1 : at + 2] == "$":
            parts.append("$")
            at += 2
        else:
            parts.append(text[at])
            at += 1
    return "".join(parts)


def _mode(one: Instruction, variables: Variables) -> int | None:
    text = _one_word(one.flag("chmod"), variables)
    if not text:
        return None
    if not _MODE.fullmatch(text):
        raise one.failure(f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777")
    return int(text, 8)


def placed(copy: Copy, source: str, *, is_folder: bool, folder_there: bool) -> tuple[str, str]:
    """(folder to unpack in, name there) for one source; the name is empty for the contents of a folder."""
    if is_folder:
        return copy.target, ""
    if copy.folder or folder_there:
        return copy.target, posixpath.basename(posixpath.normpath(source))
    return posixpath.dirname(copy.target), posixpath.basename(copy.target)


def owner_ids(owner: str, resolve: Callable[[str], tuple[int, int]]) -> tuple[int, int]:
    """`--chown`: numbers as they are, names through `resolve`; root without it."""
    if not owner:
        return 0, 0
    user, colon, group = owner.partition(":")
    if user.isascii() and user.isdigit() and (not colon or (group.isascii() and group.isdigit())):
        return int(user), int(group) if colon else int(user)
    return resolve(owner)


def shown_sources(copy: Copy, digest: str, sources: Sequence[str]) -> str:
    """How the step's history names its sources: `file:DIGEST` or `multi:DIGEST`, as Docker does."""
    kind = "multi" if len(sources) + len(copy.inline) > 1 else "file"
    return f"{kind}:{digest}"
