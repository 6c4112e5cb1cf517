"""Option tables and the parser of command lines, with the grammar of Docker's client.

`--name value`, `--name=value`, `-n value`, `-nvalue`, `-n=value`; letters without a value may be joined (`-itd`);
a flag may be denied (`--rm=false`); `--` ends the options. A verb that passes arguments on to a program
(`run`, `exec`) stops at its first plain word, so that the program's own options are left alone.
"""

from __future__ import annotations

from client.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

_TRUE = frozenset(("1", "t", "T", "true", "TRUE", "True"))
_FALSE = frozenset(("0", "f", "F", "false", "FALSE", "False"))


class Option:
    """One option of a verb.

    `names` are its spellings without dashes, the first is the key under which the value is found. `value` names the
    value in the help; an option without one is a flag. `parse` turns the text into a value and raises ValueError
    with a reason. `many` options may be repeated and give a list.
    """

    __slots__ = ("default", "help", "key", "many", "names", "parse", "value")

    def __init__(
        self,
        names: str,
        text: str,
        value: str = "",
        parse: Callable[[str], Any] | None = None,
        many: bool = False,
        default: Any = None,
    ) -> None:
        self.names = names.split()
        self.key = self.names[0]
        self.help = text
        self.value = value
        self.parse = parse
        self.many = many
        self.default = default

    def spelled(self) -> str:
        """The spellings as help and errors show them: `-m, --memory`."""
        return ", ".join(("-" if len(name) == 1 else "--") + name for name in sorted(self.names, key=len))


class Arguments:
    """What a command line said: option values by key, and the plain words in order."""

    def __init__(self, options: Sequence[Option]) -> None:
        self._values: dict[str, Any] = {
            option.key: [] if option.many else (option.default if option.value else bool(option.default))
            for option in options
        }
        self.given: set[str] = set()
        self.words: list[str] = []

    def put(self, option: Option, value: Any) -> None:
        """Keep one parsed value."""
        self.given.add(option.key)
        if option.many:
            self._values[option.key].append(value)
        else:
            self._values[option.key] = value

    def flag(self, key: str) -> bool:
        """A flag's state."""
        return bool(self._values[key])

    def text(self, key: str) -> str:
        """A text option's value, or nothing."""
        return self._values[key] or ""

    def value(self, key: str) -> Any:
        """A parsed option's value, its default if it wasn't given."""
        return self._values[key]

    def many(self, key: str) -> list[Any]:
        """All values of an option that may be repeated."""
        values: list[Any] = self._values[key]
        return values


HELP = Option("help", "Show this help")
HOST = Option("host H", "Address of the engine (ISULA_HOST, DOCKER_HOST)", "ADDRESS")


class Parser:
    """Parses words by a table of options; `--help` is always among them.

    `greedy` verbs stop looking for options at the first plain word. Raises UsageError; its message has no prefix.
    """

    def __init__(self, options: Sequence[Option], greedy: bool = False) -> None:
        self._options = (*options, HELP)
        self._greedy = greedy
        self._by_name = {name: option for option in self._options for name in option.names}

    def parse(self, words: Sequence[str]) -> Arguments:
        """Read the words that follow the verb."""
        arguments = Arguments(self._options)
        rest = list(words)
        rest.reverse()
        while rest:
            word = rest.pop()
            if word == "--":
                arguments.words += reversed(rest)
                break
            if word.startswith("--"):
                self._long(word[2:], rest, arguments)
            elif word.startswith("-") and word != "-":
                self._short(word[1:], rest, arguments)
            else:
                arguments.words.append(word)
                if self._greedy:
                    arguments.words += reversed(rest)
                    break
        return arguments

    def _long(self, word: str, rest: list[str], arguments: Arguments) -> None:
        name, equals, text = word.partition("=")
        option = self._by_name.get(name) if len(name) > 1 else None
        if option is None:
            raise UsageError(f"unknown option --{name}{self._suggest(name)}")
        if not option.value:
            arguments.put(option, _boolean(option, text) if equals else True)
        elif equals:
            arguments.put(option, _convert(option, text))
        elif rest:
            arguments.put(option, _convert(option, rest.pop()))
        else:
            raise UsageError(f"option --{name} needs a value: {option.value}")

    def _short(self, letters: str, rest: list[str], arguments: Arguments) -> None:
        for at, letter in enumerate(letters):
            option = self._by_name.get(letter)
            if option is None:
                if letter == "h" and len(letters) == 1:
                    arguments.put(HELP, True)
                    return
                within = f" in -{letters}" if len(letters) > 1 else ""
                raise UsageError(f"unknown option -{letter}{within}{self._suggest(letters)}")
            after = letters[at + 1 :]
            if not option.value:
                if after.startswith("="):
                    arguments.put(option, _boolean(option, after[1:]))
                    return
                arguments.put(option, True)
                continue
            if after:
                arguments.put(option, _convert(option, after.removeprefix("=")))
            elif rest:
                arguments.put(option, _convert(option, rest.pop()))
            else:
                raise UsageError(f"option -{letter} needs a value: {option.value}")
            return

    def _suggest(self, name: str) -> str:
        nearest = suggest(name, [known for known in self._by_name if len(known) > 1])
        return f"; did you mean --{nearest}?" if nearest else ""


def suggest(word: str, known: Sequence[str]) -> str:
    """The known word nearest to a mistyped one, or nothing if none is near."""
    import difflib  # needed only once something is wrong

    starting = [name for name in known if word and name.startswith(word)]
    return (starting or difflib.get_close_matches(word, known, 1, 0.6) or [""])[0]


def _boolean(option: Option, text: str) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise UsageError(f'invalid argument "{text}" for {option.spelled()}: true or false is wanted')


def _convert(option: Option, text: str) -> Any:
    if option.parse is None:
        return text
    try:
        return option.parse(text)
    except ValueError as error:
        raise UsageError(f'invalid argument "{text}" for {option.spelled()}: {error}') from error
