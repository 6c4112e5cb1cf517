"""The part of Go's text/template that people give to `--format`, over JSON values.

Fields, `index`, pipelines, variables, `if`, `with`, `range`, `break` and `continue`, comments and trimming, and the
functions in `gofunctions`. Not there: `define`, `template`, `block`. https://pkg.go.dev/text/template
"""

from __future__ import annotations

from client.gofunctions import functions, show, truth
from client.gotokens import TemplateError, Token, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_DEPTH = 50
_OUTPUT_LIMIT = 64 * 1024 * 1024


class Pipe:
    """Commands joined by `|`; each is a list of terms. `names` are the variables that it sets."""

    def __init__(self, commands: list[list[Term]], names: list[str], declare: bool) -> None:
        self.commands = commands
        self.names = names
        self.declare = declare


class Term:
    """One operand: its token (or a pipeline in parentheses) and the fields looked up in it."""

    def __init__(self, token: Token | None, inner: Pipe | None, fields: list[str]) -> None:
        self.token = token
        self.inner = inner
        self.fields = fields


class Block:
    """An action: `kind` is `show`, `if`, `with`, `range`, `break` or `continue`."""

    def __init__(self, kind: str, pipe: Pipe | None) -> None:
        self.kind = kind
        self.pipe = pipe
        self.body: list[str | Block] = []
        self.otherwise: list[str | Block] = []


class _Leave(Exception):
    """`break` or `continue` on its way to its loop."""

    def __init__(self, goes_on: bool) -> None:
        super().__init__()
        self.goes_on = goes_on


class Template:
    """A parsed template. Raises TemplateError for what it doesn't understand."""

    def __init__(self, text: str) -> None:
        self._functions = functions()
        self._body = _Parser(text, frozenset(self._functions) | {"and", "or"}).body

    def render(self, data: Any) -> str:
        """The template filled in with the data (JSON values). Raises TemplateError."""
        out: list[str] = []
        try:
            _Run(self._functions, data, out).walk(self._body, data)
        except _Leave as error:
            raise TemplateError("break or continue outside range") from error
        except RecursionError as error:
            raise TemplateError("the data is nested too deeply") from error
        return "".join(out)


class _Parser:
    """Builds the tree of blocks."""

    def __init__(self, text: str, known: frozenset[str]) -> None:
        self._parts = split(text)
        self._parts.reverse()
        self._known = known
        self.body, ending = self._list(0)
        if ending:
            raise TemplateError(f"unexpected {{{{{ending[0].text}}}}}")

    def _list(self, depth: int) -> tuple[list[str | Block], list[Token]]:
        """The parts up to an `end` or `else`, and that action's tokens (none at the end of the text)."""
        if depth > _DEPTH:
            raise TemplateError("blocks are nested too deeply")
        found: list[str | Block] = []
        while self._parts:
            part = self._parts.pop()
            if isinstance(part, str):
                found.append(part)
                continue
            if not part:
                raise TemplateError("missing value for command")
            word = part[0].text if part[0].kind == "name" else ""
            if word in ("end", "else"):
                return found, part
            if word in ("define", "template", "block"):
                raise TemplateError(f"{word} is not supported")
            if word in ("if", "with", "range"):
                found.append(self._block(word, part[1:], depth))
            elif word in ("break", "continue") and len(part) == 1:
                found.append(Block(word, None))
            else:
                found.append(Block("show", self._pipe(part)))
        return found, []

    def _block(self, kind: str, tokens: list[Token], depth: int) -> Block:
        block = Block(kind, self._pipe(tokens, ranging=kind == "range"))
        block.body, ending = self._list(depth + 1)
        if ending and ending[0].text == "else":
            rest = ending[1:]
            if rest and rest[0].text in ("if", "with") and kind != "range":
                block.otherwise = [self._block(rest[0].text, rest[1:], depth + 1)]
                return block
            if rest:
                raise TemplateError("unexpected words after else")
            block.otherwise, ending = self._list(depth + 1)
        if not ending or ending[0].text != "end" or len(ending) > 1:
            raise TemplateError(f"{{{{end}}}} is missing for {kind}")
        return block

    def _pipe(self, tokens: list[Token], ranging: bool = False) -> Pipe:
        """A pipeline with the variables it sets: `$x := …`, `$i, $e := …` in a range."""
        names: list[str] = []
        declare = False
        marks = [token.text if token.kind == "mark" else "" for token in tokens]
        width = 1 if marks[1:2] in ([":="], ["="]) else 3 if ranging and marks[1:2] == [","] else 0
        if width and tokens[0].kind == "variable":
            names = [token.text for token in tokens[:width:2]]
            if marks[width : width + 1] not in ([":="], ["="]) or len(set(names)) < len(names):
                raise TemplateError("bad assignment of variables")
            declare = marks[width] == ":="
            tokens = tokens[width + 1 :]
        rest = tokens[::-1]
        pipe = self._commands(rest, names, declare, 0)
        if rest:
            raise TemplateError(f"unexpected {rest[-1].text}")
        return pipe

    def _commands(self, rest: list[Token], names: list[str], declare: bool, depth: int) -> Pipe:
        """Commands up to the end or a closing parenthesis, which stays. `rest` is reversed and used up."""
        if depth > _DEPTH:
            raise TemplateError("parentheses are nested too deeply")
        commands: list[list[Term]] = []
        terms: list[Term] = []
        while True:
            closing = not rest or (rest[-1].text == ")" and rest[-1].kind == "mark")
            if closing or (rest[-1].kind == "mark" and rest[-1].text == "|"):
                if not terms:
                    raise TemplateError("missing value for command")
                commands.append(terms)
                terms = []
                if closing:
                    return Pipe(commands, names, declare)
                rest.pop()
                continue
            terms.append(self._term(rest, depth))

    def _term(self, rest: list[Token], depth: int) -> Term:
        token = rest.pop()
        inner: Pipe | None = None
        fields: list[str] = []
        if token.kind == "mark":
            if token.text != "(":
                raise TemplateError(f"unexpected {token.text}")
            inner = self._commands(rest, [], False, depth + 1)
            if not rest:
                raise TemplateError("unclosed left paren")
            rest.pop()
        elif token.kind == "name" and token.text not in self._known | {"true", "false", "nil"}:
            raise TemplateError(f'function "{token.text}" not defined')
        elif token.kind == "field":
            fields.append(str(token.value))
        while rest and rest[-1].kind == "field" and not rest[-1].spaced:
            if token.kind not in ("field", "variable", "mark", "dot"):
                raise TemplateError(f"unexpected {rest[-1].text}")
            fields.append(str(rest.pop().value))
        return Term(None if inner else token, inner, fields)


class _Run:
    """One rendering: the variables in sight and the text so far."""

    def __init__(self, known: dict[str, Callable[..., Any]], root: Any, out: list[str]) -> None:
        self._functions = known
        self._variables: list[tuple[str, Any]] = [("$", root)]
        self._out = out
        self._size = 0

    def walk(self, parts: list[str | Block], dot: Any) -> None:
        """Render parts; variables that they declare are gone afterwards."""
        mark = len(self._variables)
        for part in parts:
            if isinstance(part, str):
                self._write(part)
            elif part.pipe is None:
                raise _Leave(part.kind == "continue")
            elif part.kind == "range":
                self._range(part, part.pipe, dot)
            else:
                self._simple(part, part.pipe, dot)
        del self._variables[mark:]

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > _OUTPUT_LIMIT:
            raise TemplateError("the output is larger than 64 MiB")
        self._out.append(text)

    def _simple(self, block: Block, pipe: Pipe, dot: Any) -> None:
        mark = len(self._variables)
        value = self._value(pipe, dot, lenient=block.kind != "show")
        self._set(pipe, [value])
        if block.kind == "show":
            if not pipe.names:
                self._write(show(value))
            return
        if truth(value):
            self.walk(block.body, value if block.kind == "with" else dot)
        else:
            self.walk(block.otherwise, dot)
        del self._variables[mark:]

    def _range(self, block: Block, pipe: Pipe, dot: Any) -> None:
        value = self._value(pipe, dot, lenient=True)
        if isinstance(value, dict):
            items = [(key, value[key]) for key in sorted(value)]
        elif isinstance(value, list):
            items = list(enumerate(value))
        elif value is None:
            items = []
        else:
            raise TemplateError(f"range can't iterate over {show(value)}")
        mark = len(self._variables)
        for key, item in items:
            self._set(pipe, [item] if len(pipe.names) < 2 else [key, item])
            try:
                self.walk(block.body, item)
            except _Leave as leaving:
                if not leaving.goes_on:
                    break
            finally:
                if pipe.declare:
                    del self._variables[mark:]
        if not items:
            self.walk(block.otherwise, dot)

    def _set(self, pipe: Pipe, values: list[Any]) -> None:
        """Give a pipeline's variables their values."""
        for at, name in enumerate(pipe.names):
            if pipe.declare:
                self._variables.append((name, values[at]))
                continue
            for place in range(len(self._variables) - 1, -1, -1):
                if self._variables[place][0] == name:
                    self._variables[place] = (name, values[at])
                    break
            else:
                raise TemplateError(f"undefined variable {name}")

    def _value(self, pipe: Pipe, dot: Any, lenient: bool = False) -> Any:
        """A pipeline's value. `lenient`: a field that isn't there is empty, for conditions over optional fields."""
        piped: list[Any] = []
        for terms in pipe.commands:
            piped = [self._command(terms, dot, piped, lenient)]
        return piped[0]

    def _command(self, terms: list[Term], dot: Any, piped: list[Any], lenient: bool) -> Any:
        first, token = terms[0], terms[0].token
        if token is not None and token.kind == "name" and token.text not in ("true", "false", "nil"):
            if token.text in ("and", "or"):
                return self._either(token.text, terms[1:], dot, piped, lenient)
            values = [self._term(term, dot, lenient) for term in terms[1:]] + piped
            return self._call(token.text, self._functions[token.text], values)
        value = self._term(first, dot, lenient)
        values = [self._term(term, dot, lenient) for term in terms[1:]] + piped
        if callable(value):
            return self._call("method", value, values)
        if values:
            raise TemplateError(f"can't give argument to non-function {token.text if token else show(value)}")
        return value

    def _either(self, name: str, terms: list[Term], dot: Any, piped: list[Any], lenient: bool) -> Any:
        value: Any = None
        if not terms and not piped:
            raise TemplateError(f"wrong number of args for {name}")
        for term in terms:
            value = self._term(term, dot, lenient)
            if truth(value) == (name == "or"):
                return value
        return piped[0] if piped else value

    @staticmethod
    def _call(name: str, function: Callable[..., Any], values: list[Any]) -> Any:
        try:
            return function(*values)
        except (TypeError, AttributeError, OverflowError, ValueError) as error:
            raise TemplateError(f"error calling {name}: wrong number or kind of arguments") from error

    def _term(self, term: Term, dot: Any, lenient: bool) -> Any:
        token = term.token
        if term.inner is not None:
            value = self._value(term.inner, dot, lenient)
        elif token is None or token.kind in ("field", "dot"):
            value = dot
        elif token.kind == "variable":
            value = self._variable(token.text)
        elif token.kind == "name":
            value = {"true": True, "false": False, "nil": None}.get(token.text, _MISSING)
            if value is _MISSING:
                value = self._call(token.text, self._functions[token.text], [])
        else:
            value = token.value
        for name in term.fields:
            value = _field(value, name, lenient)
        return value

    def _variable(self, name: str) -> Any:
        for known, value in reversed(self._variables):
            if known == name:
                return value
        raise TemplateError(f"undefined variable {name}")


_MISSING = object()


def _field(value: Any, name: str, lenient: bool) -> Any:
    if isinstance(value, dict):
        if name in value:
            return value[name]
        if lenient:
            return None
        raise TemplateError(f'map has no entry for key "{name}"')
    if value is None:
        if lenient:
            return None
        raise TemplateError(f"nil pointer evaluating .{name}")
    raise TemplateError(f"can't evaluate field {name} in {show(value)[:80]}")
