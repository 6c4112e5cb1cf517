"""ARG: who sees which value where. Pure.

Rules of the Dockerfile reference ("ARG", "Scope", "Predefined ARGs"): an ARG before the first FROM is for FROM lines,
and gives its default to an ARG of the same name in a stage; in a stage an ARG counts from its line on. The proxy
variables need no ARG, and neither stand in the history nor decide about the cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from restd.image.build.dockerfile import Instruction
from restd.image.instructions import Variables, words

_PROXIES = tuple(
    name for key in ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy") for name in (key, key.upper())
)


class Arguments:
    """The build arguments of one build, through its stages."""

    def __init__(self, given: Mapping[str, str | None], platform: Mapping[str, str]) -> None:
        self._given = given
        self._platform = platform
        self._globals: dict[str, str | None] = {}
        self._used: set[str] = set()
        self.stage: dict[str, str] = {}

    def declare_global(self, one: Instruction) -> None:
        """An ARG before the first FROM."""
        for name, default in self._declared(one, Variables(self.from_values())):
            self._globals[name] = self._value(name, default)

    def from_values(self) -> dict[str, str]:
        """What variables mean in a FROM."""
        return {**self._platform, **{name: value for name, value in self._globals.items() if value is not None}}

    def begin_stage(self) -> None:
        """Forget what the stage before declared."""
        self.stage = {}

    def declare(self, one: Instruction, variables: Variables) -> None:
        """An ARG in a stage."""
        for name, default in self._declared(one, variables):
            inherited = self._globals.get(name) if default is None else default
            if inherited is None:
                inherited = self._platform.get(name)
            value = self._value(name, inherited)
            if value is not None:
                self.stage[name] = value
            else:
                self.stage.pop(name, None)

    def _declared(self, one: Instruction, variables: Variables) -> list[tuple[str, str | None]]:
        found: list[tuple[str, str | None]] = []
        for word in words(one.rest, variables):
            name, equals, default = word.partition("=")
            if not name:
                raise one.failure("ARG names can not be blank")
            self._used.add(name)
            found.append((name, default if equals else None))
        return found

    def _value(self, name: str, default: str | None) -> str | None:
        given = self._given.get(name)
        return given if given is not None else default

    def environment(self, own: Sequence[str]) -> tuple[list[str], list[str]]:
        """What a RUN gets beside the image's own environment: all of it, and the part that the history shows."""
        names = {entry.partition("=")[0] for entry in own}
        shown = sorted(f"{name}={value}" for name, value in self.stage.items() if name not in names)
        hidden = [
            f"{name}={value}"
            for name in _PROXIES
            if (value := self._given.get(name)) and name not in names and name not in self.stage
        ]
        return [*shown, *hidden], shown

    def unused(self) -> list[str]:
        """Arguments that were given and no ARG asked for."""
        return sorted(name for name in self._given if name not in self._used and name not in _PROXIES)
