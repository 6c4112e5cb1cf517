"""What a verb is: its options, its words, and the function that carries it out."""

from __future__ import annotations

from client.options import HOST, Arguments, Option, Parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from client.transport import Engine


class Verb:
    """One command of the client.

    `words` is how its plain arguments are written in the help; `least` and `most` bound their number (`most` None:
    any number). `example` and `note` are shown by `--help`. `run` gets the parsed line and the engine and returns
    the exit code.
    """

    def __init__(
        self,
        run: Callable[[Arguments, Engine], int],
        options: Sequence[Option],
        words: str = "",
        least: int = 0,
        most: int | None = None,
        greedy: bool = False,
        example: str = "",
        note: str = "",
    ) -> None:
        self.run = run
        self.options = options
        self.words = words
        self.least = least
        self.most = most
        self.greedy = greedy
        self.example = example
        self.note = note

    def parse(self, words: Sequence[str]) -> Arguments:
        """The verb's words as values; raises UsageError."""
        taken = {name for option in self.options for name in option.names}
        names = [name for name in HOST.names if name not in taken]
        host = Option(" ".join(names), HOST.help, HOST.value)  # as in isula, the address may follow the command
        return Parser((*self.options, host), self.greedy).parse(words)
