"""A Dockerfile's text -> instructions, stages. Pure: no variable is replaced and nothing is looked up here.

Source: the Dockerfile reference ("Format", "Parser directives", "Here-Documents"). Errors name the line in the words of
Docker's parser, which people search for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from restd.errors import InvalidParameter

LONGEST = 2 << 20
_LONGEST_LINE = 1 << 20
_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*")
_WORD = re.compile(r"\s*(\S+)\s*(.*)", re.DOTALL)
_FLAG = re.compile(r"--([a-z][a-z0-9-]*)(?:=(\S*))?(?=\s|$)")
_HEREDOC = re.compile(r"(?<![<\w])\d*<<(-?)([\"']?)([A-Za-z_][A-Za-z0-9_.-]*)\2(?=\s|$|[;&|>)])")
_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")

KNOWN = frozenset(
    """ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER
    VOLUME WORKDIR""".split()
)
_WITH_HEREDOCS = frozenset(("ADD", "COPY", "RUN"))
_FLAGS = {
    "ADD": frozenset(("chown", "chmod", "link", "checksum", "keep-git-dir", "exclude")),
    "COPY": frozenset(("from", "chown", "chmod", "link", "parents", "exclude")),
    "FROM": frozenset(("platform",)),
    "HEALTHCHECK": frozenset(("interval", "timeout", "start-period", "start-interval", "retries")),
    "RUN": frozenset(("mount", "network", "security")),
}


@dataclass(frozen=True, slots=True)
class Heredoc:
    """`<<NAME` and what follows it. Of a quoted name nothing in the text is replaced."""

    name: str
    text: str
    expand: bool = True


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its name in capitals, `--flag=value` pairs, the rest as it stands, and its first line's number.

    `text` is the whole of it on one line, as Docker shows it in a step; heredocs are not in it.
    """

    name: str
    rest: str
    line: int
    flags: tuple[tuple[str, str], ...] = ()
    heredocs: tuple[Heredoc, ...] = ()

    @property
    def text(self) -> str:
        """The instruction as it is shown: `COPY --from=x a b`."""
        flags = "".join(f" --{name}" + (f"={value}" if value else "") for name, value in self.flags)
        return f"{self.name}{flags} {self.rest}".rstrip()

    def flag(self, name: str) -> str | None:
        """A flag's value; of several the last one. None if it isn't there; empty if it stands without a value."""
        return next((value for key, value in reversed(self.flags) if key == name), None)

    def failure(self, text: str) -> InvalidParameter:
        """An error that says where."""
        return InvalidParameter(f"dockerfile parse error on line {self.line}: {text}")


@dataclass(frozen=True, slots=True)
class Stage:
    """From one FROM to the next. `name` is lower case, empty without AS; `begin` is the FROM itself."""

    name: str
    base: str
    begin: Instruction
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A whole file: the ARGs before the first FROM, the stages, and the escape character of its directives."""

    arguments: tuple[Instruction, ...]
    stages: tuple[Stage, ...]
    escape: str = "\\"


def parse(data: bytes) -> Dockerfile:
    """The Dockerfile in `data`. InvalidParameter, with the line, for what isn't one."""
    if len(data) > LONGEST:
        raise InvalidParameter(f"the Dockerfile is larger than {LONGEST} bytes")
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    if not text.strip():
        raise InvalidParameter("the Dockerfile cannot be empty")
    escape, lines = _directives(text.split("\n"))
    instructions = list(_instructions(text.split("\n"), lines, escape))
    if not instructions:
        raise InvalidParameter("file with no instructions")
    return _staged(instructions, escape)


def parse_trigger(text: str, line: int) -> Instruction:
    """What an ONBUILD of a base image left behind: one instruction."""
    found = list(_instructions(text.split("\n"), 0, "\\"))
    if len(found) != 1:
        raise InvalidParameter(f"an ONBUILD trigger must be one instruction, not {text!r}")
    one = found[0]
    return Instruction(one.name, one.rest, line, one.flags, one.heredocs)


def _directives(lines: Sequence[str]) -> tuple[str, int]:
    """The escape character and the number of directive lines, which are the first ones only."""
    escape, seen = "\\", set()
    for number, line in enumerate(lines):
        match = _DIRECTIVE.fullmatch(line.strip())
        if match is None or match[1].lower() not in ("syntax", "escape", "check"):
            return escape, number
        key = match[1].lower()
        if key in seen:
            raise InvalidParameter(
                f"dockerfile parse error on line {number + 1}: only one {key} parser directive can be used"
            )
        seen.add(key)
        if key == "escape":
            if match[2] not in ("\\", "`"):
                shown = f"invalid escape token '{match[2]}' does not match ` or \\"
                raise InvalidParameter(f"dockerfile parse error on line {number + 1}: {shown}")
            escape = match[2]
    return escape, len(lines)


def _instructions(lines: Sequence[str], start: int, escape: str) -> Iterator[Instruction]:
    at = start
    while at < len(lines):
        if not lines[at].strip() or lines[at].lstrip().startswith("#"):
            at += 1
            continue
        first = at
        text, at = _joined(lines, at, escape)
        if len(text) > _LONGEST_LINE:
            raise InvalidParameter(f"dockerfile line greater than maximum allowed size of {_LONGEST_LINE}")
        one = _instruction(text.strip(), first + 1)
        heredocs: list[Heredoc] = []
        for chomp, quote, name in _heredoc_names(one):
            content, at = _heredoc(lines, at, name, bool(chomp), one)
            heredocs.append(Heredoc(name, content, expand=not quote))
        yield Instruction(one.name, one.rest, one.line, one.flags, tuple(heredocs)) if heredocs else one


def _joined(lines: Sequence[str], at: int, escape: str) -> tuple[str, int]:
    """A line with its continuations, comments and empty lines between them left out; and the number of the next."""
    ending = re.compile(rf"{re.escape(escape)}[ \t]*$")
    parts: list[str] = []
    while at < len(lines):
        line = lines[at]
        at += 1
        if parts and (not line.strip() or line.lstrip().startswith("#")):
            continue
        match = ending.search(line)
        if match is None:
            parts.append(line)
            break
        parts.append(line[: match.start()])
    return "".join(parts), at


def _instruction(text: str, line: int) -> Instruction:
    match = _WORD.fullmatch(text)
    assert match is not None
    name, rest = match[1].upper(), match[2].strip()
    if name not in KNOWN:
        raise InvalidParameter(f"dockerfile parse error on line {line}: unknown instruction: {match[1]}")
    flags: list[tuple[str, str]] = []
    if name in _FLAGS:
        while rest.startswith("--"):
            if rest == "--" or rest.startswith("-- "):
                rest = rest[2:].strip()
                break
            flag = _FLAG.match(rest)
            if flag is None or flag[1] not in _FLAGS[name]:
                shown = rest.split(None, 1)[0]
                raise InvalidParameter(
                    f"dockerfile parse error on line {line}: unknown flag: {shown.partition('=')[0]}"
                )
            flags.append((flag[1], flag[2] or ""))
            rest = rest[flag.end() :].strip()
    one = Instruction(name, rest, line, tuple(flags))
    if not rest:
        words = "exactly one argument" if name in ("FROM", "USER", "WORKDIR", "STOPSIGNAL") else "at least one argument"
        raise one.failure(f"{name} requires {words}")
    return one


def _heredoc_names(one: Instruction) -> list[tuple[str, str, str]]:
    """(`-` or nothing, quote, name) for each `<<` of an instruction that takes them; not of one in JSON form."""
    if one.name not in _WITH_HEREDOCS or one.rest.startswith("["):
        return []
    return [(match[1], match[2], match[3]) for match in _HEREDOC.finditer(one.rest)]


def _heredoc(lines: Sequence[str], at: int, name: str, chomp: bool, one: Instruction) -> tuple[str, int]:
    parts: list[str] = []
    while at < len(lines):
        line = lines[at].lstrip("\t") if chomp else lines[at]
        at += 1
        if line == name:
            return "".join(part + "\n" for part in parts), at
        parts.append(line)
    raise one.failure(f"unterminated heredoc: {name}")


def _staged(instructions: Sequence[Instruction], escape: str) -> Dockerfile:
    arguments: list[Instruction] = []
    stages: list[Stage] = []
    for one in instructions:
        if one.name == "FROM":
            stages.append(_stage(one))
        elif stages:
            last = stages[-1]
            stages[-1] = Stage(last.name, last.base, last.begin, (*last.instructions, one))
        elif one.name == "ARG":
            arguments.append(one)
        else:
            raise one.failure("no build stage in current context")
    if not stages:
        raise InvalidParameter("no build stage in current context: the Dockerfile has no FROM")
    seen: set[str] = set()
    for stage in stages:
        if stage.name in seen:
            raise stage.begin.failure(f"duplicate name {stage.name}")
        seen |= {stage.name} - {""}
    return Dockerfile(tuple(arguments), tuple(stages), escape)


def _stage(one: Instruction) -> Stage:
    words = one.rest.split()
    if len(words) == 1:
        return Stage("", words[0], one, ())
    if len(words) == 3 and words[1].lower() == "as":
        name = words[2].lower()
        if not _STAGE_NAME.fullmatch(name):
            raise one.failure(
                f'invalid name for build stage: "{words[2]}", name can\'t start with a number or contain symbols'
            )
        return Stage(name, words[0], one, ())
    raise one.failure("FROM requires either one or three arguments")


def stages_for(dockerfile: Dockerfile, target: str) -> Sequence[Stage]:
    """The stages up to the one that `target` names (by name or number), all without a target."""
    if not target:
        return dockerfile.stages
    for number, stage in enumerate(dockerfile.stages):
        if stage.name == target.lower() or str(number) == target:
            return dockerfile.stages[: number + 1]
    raise InvalidParameter(f"target stage {target!r} could not be found")
