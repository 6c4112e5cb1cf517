"""The Dockerfile instructions that `import` and `commit` take as changes to an image's configuration. Pure.

Source: the Dockerfile reference (https://docs.docker.com/reference/dockerfile/). The configuration is the JSON object
of the image (`Cmd`, `Env`, ...): what is not changed stays as it is, known to us or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from restd.errors import InvalidParameter
from restd.image.instructions import Variables, duration_ns, pairs, parse_instruction, string_list, words

_DEFAULT_SHELL = ["/bin/sh", "-c"]
_NOT_ON_BUILD = {"ONBUILD": "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"} | {
    name: f"{name} isn't allowed as an ONBUILD trigger" for name in ("FROM", "MAINTAINER")
}
_OTHER_INSTRUCTIONS = frozenset({"ADD", "ARG", "COPY", "FROM", "MAINTAINER", "RUN"})
_HEALTH_TIMES = {
    "interval": "Interval", "timeout": "Timeout", "start-period": "StartPeriod", "start-interval": "StartInterval",
}  # fmt: skip
_SHORTEST_HEALTH_TIME = 1_000_000


def apply_changes(config: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """A copy of the configuration with the changes made, in order. InvalidParameter for one that can't be."""
    changed = Changes(dict(config))
    for line in _lines(changes):
        changed.apply(*parse_instruction(line))
    return changed.config


def _lines(changes: Sequence[str]) -> Iterable[str]:
    """The instructions: one a line, continued with a backslash; empty lines and comments are skipped."""
    held = ""
    for line in "\n".join(changes).split("\n"):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text.endswith("\\"):
            held += text[:-1]
            continue
        yield held + text
        held = ""
    if held.strip():
        yield held


class Changes:
    """One configuration being changed. Whether CMD was among the changes decides what ENTRYPOINT does to it.

    `arguments` are a build's ARGs, which variables also mean; the environment counts more.
    """

    def __init__(self, config: dict[str, Any], arguments: Mapping[str, str] | None = None) -> None:
        self.config = config
        self.arguments = dict(arguments or {})
        self._cmd_set = False
        self._verbs: dict[str, Callable[[str], None]] = {
            "CMD": self._cmd,
            "ENTRYPOINT": self._entrypoint,
            "ENV": self._env,
            "EXPOSE": self._expose,
            "HEALTHCHECK": self._healthcheck,
            "LABEL": self._label,
            "ONBUILD": self._onbuild,
            "SHELL": self._shell,
            "STOPSIGNAL": self._stopsignal,
            "USER": self._user,
            "VOLUME": self._volume,
            "WORKDIR": self._workdir,
        }

    def apply(self, name: str, rest: str) -> None:
        """Carry one instruction out."""
        verb = self._verbs.get(name)
        if verb is None:
            if name in _OTHER_INSTRUCTIONS:
                raise InvalidParameter(f"{name} is not a valid change command")
            raise InvalidParameter(f"unknown instruction: {name}")
        if not rest:
            raise InvalidParameter(f"{name} requires at least one argument")
        verb(rest)

    def variables(self) -> Variables:
        """What `$NAME` means now."""
        entries = (entry.partition("=") for entry in self.config.get("Env") or ())
        return Variables({**self.arguments, **{name: value for name, _, value in entries}})

    def _words(self, rest: str) -> list[str]:
        return words(rest, self.variables())

    def _one(self, name: str, rest: str) -> str:
        found = self._words(rest)
        if len(found) != 1:
            raise InvalidParameter(f"{name} requires exactly one argument")
        return found[0]

    def command(self, rest: str) -> list[str]:
        """A JSON list as it is; anything else is a line for the shell."""
        found = string_list(rest)
        return found if found is not None else [*(self.config.get("Shell") or _DEFAULT_SHELL), rest]

    def _cmd(self, rest: str) -> None:
        self.config["Cmd"] = self.command(rest)
        self._cmd_set = True

    def _entrypoint(self, rest: str) -> None:
        self.config["Entrypoint"] = self.command(rest) or None
        if not self._cmd_set:
            self.config["Cmd"] = None  # an inherited command was meant for the entry point before

    def _env(self, rest: str) -> None:
        entries = list(self.config.get("Env") or ())
        for name, value in pairs("ENV", rest, self.variables()):
            entry = f"{name}={value}"
            for at, known in enumerate(entries):
                if known.partition("=")[0] == name:
                    entries[at] = entry
                    break
            else:
                entries.append(entry)
        self.config["Env"] = entries

    def _expose(self, rest: str) -> None:
        ports = dict(self.config.get("ExposedPorts") or {})
        for word in self._words(rest):
            number, slash, protocol = word.partition("/")
            protocol = protocol.lower() if slash else "tcp"
            first, dash, last = number.partition("-")
            if protocol not in ("tcp", "udp", "sctp") or not _is_port(first) or (dash and not _is_port(last)):
                raise InvalidParameter(f"invalid containerPort: {word}")
            for port in range(int(first), int(last or first) + 1):
                ports[f"{port}/{protocol}"] = {}
        self.config["ExposedPorts"] = ports

    def _label(self, rest: str) -> None:
        self.config["Labels"] = {**(self.config.get("Labels") or {}), **dict(pairs("LABEL", rest, self.variables()))}

    def _user(self, rest: str) -> None:
        self.config["User"] = self._one("USER", rest)

    def _volume(self, rest: str) -> None:
        found = string_list(rest)
        paths = self._words(rest) if found is None else found
        if not paths or not all(path.strip() for path in paths):
            raise InvalidParameter("VOLUME specified can not be an empty string")
        self.config["Volumes"] = {**(self.config.get("Volumes") or {}), **{path: {} for path in paths}}

    def _workdir(self, rest: str) -> None:
        path = self._one("WORKDIR", rest)
        here = "" if path.startswith("/") else self.config.get("WorkingDir") or ""
        parts: list[str] = []
        for part in f"{here}/{path}".split("/"):
            if part == "..":
                del parts[-1:]
            elif part not in ("", "."):
                parts.append(part)
        self.config["WorkingDir"] = "/" + "/".join(parts)

    def _onbuild(self, rest: str) -> None:
        trigger = parse_instruction(rest)[0]
        if trigger in _NOT_ON_BUILD:
            raise InvalidParameter(_NOT_ON_BUILD[trigger])
        if trigger not in self._verbs and trigger not in _OTHER_INSTRUCTIONS:
            raise InvalidParameter(f"unknown instruction: {trigger}")
        self.config["OnBuild"] = [*(self.config.get("OnBuild") or ()), rest]

    def _stopsignal(self, rest: str) -> None:
        signal = self._one("STOPSIGNAL", rest)
        name = signal.upper().removeprefix("SIG")
        if not (name.isascii() and name.isdigit() and 0 < int(name) <= 64) and not (
            name[:1].isalpha() and name.replace("+", "").isalnum()
        ):
            raise InvalidParameter(f"invalid signal: {signal}")
        self.config["StopSignal"] = signal

    def _shell(self, rest: str) -> None:
        found = string_list(rest)
        if not found:
            raise InvalidParameter("SHELL requires the arguments to be in JSON form")
        self.config["Shell"] = found

    def _healthcheck(self, rest: str) -> None:
        check: dict[str, Any] = {}
        while rest.startswith("--"):
            option, _, rest = rest.partition(" ")
            rest = rest.lstrip()
            name, equals, value = option[2:].partition("=")
            if name == "retries" and equals and value.isascii() and value.isdigit():
                check["Retries"] = int(value)
            elif name in _HEALTH_TIMES and equals:
                time = duration_ns(value)
                if 0 < time < _SHORTEST_HEALTH_TIME:
                    raise InvalidParameter(f"Interval {value!r} cannot be less than 1ms")
                check[_HEALTH_TIMES[name]] = time
            else:
                raise InvalidParameter(f"invalid HEALTHCHECK option {option!r}")
        kind, _, command = rest.partition(" ")
        command = command.strip()
        if kind.upper() == "NONE" and not command and not check:
            self.config["Healthcheck"] = {"Test": ["NONE"]}
            return
        if kind.upper() != "CMD" or not command:
            raise InvalidParameter(f"HEALTHCHECK needs NONE or CMD and a command, not {rest!r}")
        found = string_list(command)
        check["Test"] = ["CMD-SHELL", command] if found is None else ["CMD", *found]
        self.config["Healthcheck"] = check


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) <= 65535
