"""Values as people write them: sizes, durations, CPU counts. Each parser raises ValueError with a reason."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SIZES = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_INT64 = 2**63 - 1


def is_number(text: str, points: int = 0) -> bool:
    """Whether a text is plain ASCII digits, with at most so many decimal points among them."""
    return bool(text) and text.isascii() and text.count(".") <= points and text.replace(".", "").isdigit()


def integer(text: str) -> int:
    """A whole number that may be negative."""
    if not is_number(text[1:] if text[:1] in "+-" else text) or len(text) > 20 or abs(int(text)) > _INT64:
        raise ValueError("a whole number is wanted")
    return int(text)


def size(text: str) -> int:
    """A size in bytes: `512m`, `1.5GiB`, `1024`. Units are powers of 1024, as in Docker's options."""
    word = text.strip().lower()
    digits = word.rstrip("bikmgtp ")
    unit = word[len(digits) :].lstrip(" ")
    if unit[1:] in ("b", "ib"):
        unit = unit[0]
    if not is_number(digits, 1) or digits.startswith(".") or digits.endswith(".") or unit not in _SIZES:
        raise ValueError("a size such as 64m or 2g is wanted")
    whole, _, part = digits.partition(".")
    scale: int = 1024 ** _SIZES[unit]
    found = int(whole or "0") * scale + (int(part) * scale // 10 ** len(part) if part else 0)
    if found > _INT64 or len(digits) > 30:
        raise ValueError("the size is too large")
    return found


def swap(text: str) -> int:
    """A size, or -1 for no limit."""
    return -1 if text == "-1" else size(text)


def cpus(text: str) -> int:
    """A count of CPUs in billionths: `1.5` is 1500000000."""
    whole, _, part = text.partition(".")
    if not is_number(text, 1) or len(part) > 9 or len(whole) > 9:
        raise ValueError("a number of CPUs such as 1.5 is wanted, with nine decimals at most")
    return int(whole or "0") * 10**9 + int(part.ljust(9, "0"))


def duration(text: str) -> int:
    """A duration in nanoseconds: `1h30m`, `1.5s`, `300ms`; the grammar of Go's time.ParseDuration."""
    rest = text[1:] if text[:1] in "+-" and text else text
    if rest == "0":
        return 0
    total = 0
    while rest:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789."))]
        rest = rest[len(digits) :]
        unit = rest[: len(rest) - len(rest.lstrip("nuµμmsh"))]
        # `1m30s`: a unit's letters are followed by digits or the end, so the run of letters is the unit.
        rest = rest[len(unit) :]
        if not is_number(digits, 1) or len(digits) > 30 or unit not in _NANOSECONDS:
            raise ValueError("a duration such as 10s or 1h30m is wanted")
        whole, _, part = digits.partition(".")
        scale = _NANOSECONDS[unit]
        total += int(whole or "0") * scale + (int(part) * scale // 10 ** len(part) if part else 0)
    if not text or text in ("+", "-") or total > _INT64:
        raise ValueError("a duration such as 10s or 1h30m is wanted")
    return -total if text.startswith("-") else total


def one_of(*words: str) -> Callable[[str], str]:
    """A parser that takes only these words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError("one of " + ", ".join(words) + " is wanted")
        return text

    return parse


def filters(values: list[str]) -> str | None:
    """`--filter` values (`key=value`) as the engine's JSON; None if there are none."""
    if not values:
        return None
    import json

    found: dict[str, dict[str, bool]] = {}
    for value in values:
        key, equals, wanted = value.partition("=")
        if not equals:
            raise ValueError(f'invalid filter "{value}": KEY=VALUE is wanted')
        found.setdefault(key.strip().lower(), {})[wanted.strip()] = True
    return json.dumps(found, separators=(",", ":"))
