"""The tokens of Go's text/template: literal text, and the words inside `{{ }}`."""

from __future__ import annotations

SPACES = " \t\r\n"
_SIZE_LIMIT = 64 * 1024
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_CODES = {"x": 2, "u": 4, "U": 8}


class TemplateError(Exception):
    """The template is wrong, or it doesn't fit the data."""


class Token:
    """A word inside an action. `kind` is one of `name field dot variable string number mark`."""

    __slots__ = ("kind", "spaced", "text", "value")

    def __init__(self, kind: str, text: str, value: object = None, spaced: bool = False) -> None:
        self.kind = kind
        self.text = text
        self.value = value
        self.spaced = spaced  # white space stands before it: `.A .B` are two words, `.A.B` is one path


def split(text: str) -> list[str | list[Token]]:
    """A template as literal texts and actions (lists of tokens). Raises TemplateError."""
    if len(text) > _SIZE_LIMIT:
        raise TemplateError("the template is longer than 64 KiB")
    parts: list[str | list[Token]] = []
    at, trim = 0, False
    while True:
        start = text.find("{{", at)
        literal = text[at:] if start < 0 else text[at:start]
        if trim:
            literal = literal.lstrip(SPACES)
        if start < 0:
            if literal:
                parts.append(literal)
            return parts
        at = start + 2
        if text[at : at + 1] == "-" and text[at + 1 : at + 2] in tuple(SPACES):
            literal = literal.rstrip(SPACES)
            at += 1
        if literal:
            parts.append(literal)
        after_space = len(text[at:]) - len(text[at:].lstrip(SPACES))
        if text.startswith("/*", at + after_space):
            at, trim = _comment(text, at + after_space)
            continue
        tokens, at, trim = _action(text, at)
        parts.append(tokens)


def _comment(text: str, at: int) -> tuple[int, bool]:
    end = text.find("*/", at + 2)
    rest = text[end + 2 :] if end >= 0 else ""
    for closing, trim in (("}}", False), (" -}}", True)):
        if rest.startswith(closing):
            return end + 2 + len(closing), trim
    raise TemplateError("a comment is not closed")


def _action(text: str, at: int) -> tuple[list[Token], int, bool]:
    """The tokens up to `}}`, where the text goes on, and whether its white space is to go."""
    tokens: list[Token] = []
    spaced = False
    while True:
        if at >= len(text):
            raise TemplateError("an action is not closed: }} is missing")
        letter = text[at]
        if letter in SPACES:
            if text.startswith("-}}", at + 1):
                return tokens, at + 4, True
            spaced = True
            at += 1
            continue
        if text.startswith("}}", at):
            return tokens, at + 2, False
        token, at = _token(text, at)
        token.spaced = spaced
        spaced = False
        tokens.append(token)


def _token(text: str, at: int) -> tuple[Token, int]:
    letter = text[at]
    if letter == '"':
        return _string(text, at)
    if letter == "'":
        token, end = _string(text, at)
        if len(str(token.value)) != 1:
            raise TemplateError("a character in ' ' must be one character")
        return Token("number", token.text, ord(str(token.value))), end
    if letter == "`":
        end = text.find("`", at + 1)
        if end < 0:
            raise TemplateError("a raw string is not closed")
        return Token("string", text[at : end + 1], text[at + 1 : end]), end + 1
    if letter.isdigit() or (letter in "+-" and text[at + 1 : at + 2].isdigit()):
        return _number(text, at)
    if letter in "|(),=":
        return Token("mark", letter), at + 1
    if text.startswith(":=", at):
        return Token("mark", ":="), at + 2
    end = at + 1
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    word = text[at:end]
    if letter == ".":
        return (Token("dot", word) if word == "." else Token("field", word, word[1:])), end
    if letter == "$":
        return Token("variable", word), end
    if letter.isalpha() or letter == "_":
        return Token("name", word), end
    raise TemplateError(f"unexpected {letter!r} in an action")


def _number(text: str, at: int) -> tuple[Token, int]:
    end = at + 1
    while end < len(text) and (
        text[end].isalnum() or text[end] in "._" or (text[end] in "+-" and text[end - 1] in "eE")
    ):
        end += 1
    word = text[at:end]
    for convert in (_whole, float):
        try:
            return Token("number", word, convert(word)), end
        except ValueError:
            continue
    raise TemplateError(f"bad number {word}")


def _whole(word: str) -> int:
    if len(word) > 40:
        raise ValueError(word)
    return int(word, 0)


def _string(text: str, at: int) -> tuple[Token, int]:
    """A string in double quotes, with Go's escapes."""
    quote, start = text[at], at
    at += 1
    found = []
    while at < len(text) and text[at] not in (quote, "\n"):
        letter = text[at]
        at += 1
        if letter == "\\":
            letter, at = _escape(text, at)
        found.append(letter)
    if text[at : at + 1] != quote:
        raise TemplateError("a string is not closed")
    return Token("string", text[start : at + 1], "".join(found)), at + 1


def _escape(text: str, at: int) -> tuple[str, int]:
    letter = text[at : at + 1]
    if letter in _ESCAPES:
        return _ESCAPES[letter], at + 1
    length = _CODES.get(letter, 0)
    digits = text[at + 1 : at + 1 + length]
    if not length or len(digits) != length or digits.strip("0123456789abcdefABCDEF") or int(digits, 16) > 0x10FFFF:
        raise TemplateError(f"unknown escape \\{letter} in a string")
    return chr(int(digits, 16)), at + 1 + length
