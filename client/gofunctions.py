"""The functions of Go's text/template and of Docker's formatter, and Go's way to print a value.

Values are those of JSON; a callable is a method of the row that is formatted.
"""

from __future__ import annotations

import json

from client.gotokens import TemplateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_WIDTH_LIMIT = 4096


def show(value: Any, inside: bool = False) -> str:
    """A value as fmt.Print shows it."""
    if isinstance(value, str):
        return value
    if value is None:
        return "<nil>" if inside else "<no value>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, dict):
        return "map[" + " ".join([f"{key}:{show(value[key], True)}" for key in sorted(value)]) + "]"
    if isinstance(value, list):
        return "[" + " ".join([show(item, True) for item in value]) + "]"
    return str(value)


def _float(value: float) -> str:
    """A float as Go's %v shows it: the shortest form, with an exponent from 1e21 on."""
    if value == int(value) and abs(value) < 1e21 if abs(value) != float("inf") and value == value else False:
        return str(int(value))
    return repr(value).replace("inf", "Inf").replace("nan", "NaN")


def as_json(value: Any) -> str:
    """The `json` function: compact, letters as they are."""
    if callable(value):
        raise TemplateError("json: a method has no JSON")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def truth(value: Any) -> bool:
    """What `if` takes for true: anything but zero and empty."""
    return bool(value)


def index(value: Any, *keys: Any) -> Any:
    """`index map "key"` or `index list 1`; a key that isn't there gives the zero value."""
    for key in keys:
        if isinstance(value, dict):
            if key not in value:
                texts = all(isinstance(item, str) for item in value.values())
                value = "" if texts else None
                continue
            value = value[key]
        elif isinstance(value, (list, str)):
            if not isinstance(key, int) or isinstance(key, bool):
                raise TemplateError(f"index: cannot index a list with {show(key)}")
            if not 0 <= key < len(value):
                raise TemplateError(f"index: {key} is out of range, the length is {len(value)}")
            value = ord(value[key]) if isinstance(value, str) else value[key]
        elif value is None:
            raise TemplateError("index of nil")
        else:
            raise TemplateError(f"cannot index {show(value)}")
    return value


def slice_(value: Any, *bounds: Any) -> Any:
    """`slice value from to`."""
    if not isinstance(value, (list, str)):
        raise TemplateError(f"cannot slice {show(value)}")
    numbers = [_number(bound) for bound in bounds[:2]]
    first = numbers[0] if numbers else 0
    last = numbers[1] if len(numbers) > 1 else len(value)
    if not 0 <= first <= last <= len(value):
        raise TemplateError(f"slice: {first} to {last} is out of range, the length is {len(value)}")
    return value[first:last]


def length(value: Any) -> int:
    """`len value`; of a text the bytes, as in Go."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    if not isinstance(value, (list, dict)):
        raise TemplateError(f"len of {show(value)}")
    return len(value)


def equal(first: Any, *others: Any) -> bool:
    """`eq a b…`: a equals any of the others."""
    if not others:
        raise TemplateError("eq: missing argument for comparison")
    for other in others:
        if None not in (first, other) and _kind(first) != _kind(other):
            raise TemplateError("incompatible types for comparison")
    return first in others


def less(first: Any, second: Any) -> bool:
    """`lt a b`."""
    if _kind(first) != _kind(second) or isinstance(first, (bool, dict, list)) or first is None:
        raise TemplateError("invalid types for comparison")
    return bool(first < second)


def join(value: Any, separator: Any = "") -> str:
    """`join list separator`."""
    if not isinstance(value, list):
        raise TemplateError(f"join: {show(value)} is not a list")
    return str(separator).join([show(item) for item in value])


def pad(value: Any, before: Any, after: Any) -> str:
    """`pad text before after`: with blanks, nothing if the text is empty."""
    text = show(value)
    return " " * _width(before) + text + " " * _width(after) if text else ""


def printf(form: Any, *values: Any) -> str:
    """`printf` with the verbs `%s %v %d %q %t %x %f %g %e %c %%`, flags, width and precision."""
    text, out, rest = str(form), [], list(values)
    at = 0
    while at < len(text):
        letter = text[at]
        at += 1
        if letter != "%":
            out.append(letter)
            continue
        start = at
        while at < len(text) and text[at] in "+-# 0123456789.":
            at += 1
        flags, verb = text[start:at], text[at : at + 1]
        at += 1
        if verb == "%":
            out.append("%")
        elif not verb:
            out.append("%!(NOVERB)")
        elif not rest:
            out.append(f"%!{verb}(MISSING)")
        else:
            out.append(_verb(flags, verb, rest.pop(0)))
    if rest:
        out.append("%!(EXTRA " + ", ".join([f"{_go_type(value)}={show(value, True)}" for value in rest]) + ")")
    return "".join(out)


def _verb(flags: str, verb: str, value: Any) -> str:
    """One verb of printf."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    width, _, precision = flags.lstrip("+-# 0").partition(".")
    if max(len(width), len(precision)) > 4 or "." in precision or any(sign in width + precision for sign in "+-# "):
        return f"%!{verb}(BADWIDTH)"
    left, zero, plus = "-" in flags, flags.startswith(("0", "+0")), "+" in flags
    if verb in "svqt" and not (verb == "t" and not isinstance(value, bool)) and not (verb == "s" and number):
        text = show(value, True)
        if precision and verb in "sq":
            text = text[: int(precision)]
        if verb == "q":
            text = json.dumps(text, ensure_ascii=False)
        plus = plus and number
    elif verb in "dxXobc" and number and isinstance(value, int):
        text = chr(value) if verb == "c" and 0 <= value <= 0x10FFFF else format(value, "d" if verb == "c" else verb)
    elif verb in "xX" and isinstance(value, str):
        text = value.encode("utf-8", "surrogatepass").hex()
        text = text.upper() if verb == "X" else text
    elif verb in "feEgG" and isinstance(value, float):
        text = format(value, ("." + (precision or "0") if "." in flags else "") + verb)
    else:
        return f"%!{verb}({_go_type(value)}={show(value, True)})"
    if plus and number and not text.startswith("-"):
        text = "+" + text
    size = _width(int(width)) if width else 0
    if left:
        return text.ljust(size)
    return text.zfill(size) if zero and number else text.rjust(size)


def _go_type(value: Any) -> str:
    names = {str: "string", bool: "bool", int: "int", float: "float64", dict: "map[string]interface {}"}
    return names.get(type(value), "[]interface {}" if isinstance(value, list) else "<nil>")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    return type(value).__name__


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TemplateError(f"a whole number is wanted, not {show(value)}")
    return value


def _width(value: Any) -> int:
    number = _number(value)
    if not 0 <= number <= _WIDTH_LIMIT:
        raise TemplateError(f"{number} blanks are out of range")
    return number


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TemplateError(f"a string is wanted, not {show(value)}")
    return value


def _print(*values: Any) -> str:
    """Go's Sprint: a blank between two values of which neither is a string."""
    out = []
    for at, value in enumerate(values):
        if at and not isinstance(value, str) and not isinstance(values[at - 1], str):
            out.append(" ")
        out.append(show(value, True))
    return "".join(out)


def functions() -> dict[str, Callable[..., Any]]:
    """All functions by name; `and` and `or`, which don't always look at all their arguments, are the evaluator's."""
    return {
        "json": as_json,
        "index": index,
        "slice": slice_,
        "len": length,
        "not": lambda value: not truth(value),
        "eq": equal,
        "ne": lambda first, second: not equal(first, second),
        "lt": less,
        "le": lambda first, second: less(first, second) or equal(first, second),
        "gt": lambda first, second: less(second, first),
        "ge": lambda first, second: less(second, first) or equal(first, second),
        "print": _print,
        "println": lambda *values: " ".join([show(value, True) for value in values]) + "\n",
        "printf": printf,
        "join": join,
        "split": lambda text, separator: _text(text).split(_text(separator)) if separator else list(_text(text)),
        "lower": lambda text: _text(text).lower(),
        "upper": lambda text: _text(text).upper(),
        "title": lambda text: " ".join([word[:1].upper() + word[1:] for word in _text(text).split(" ")]),
        "pad": pad,
        "truncate": lambda text, size: _text(text)[: _width(size)],
    }
