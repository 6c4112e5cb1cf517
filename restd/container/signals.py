"""Signals as clients write them: `KILL`, `sigterm`, `SIGRTMIN+3`, `9`. Source: signal(7); Docker's signal names."""

from __future__ import annotations

import re
import signal

from restd.errors import InvalidParameter

DEFAULT_STOP = signal.SIGTERM
_REALTIME = re.compile(r"RT(MIN|MAX)(?:([+-])([0-9]{1,2}))?")
_NAMES = {name.removeprefix("SIG"): int(number) for name, number in signal.Signals.__members__.items()}
_RTMIN, _RTMAX = 34, 64


def parse_signal(text: str) -> int:
    """The number of a signal by name (any case, with or without `SIG`) or number; InvalidParameter if there is none."""
    number = _number(text.strip())
    if number is None or not 0 < number <= _RTMAX:
        raise InvalidParameter(f"invalid signal: {text}")
    return number


def _number(text: str) -> int | None:
    if text.isascii() and text.isdigit():
        return int(text) if len(text) <= 3 else None
    name = text.upper().removeprefix("SIG")
    if (known := _NAMES.get(name)) is not None:
        return known
    if (match := _REALTIME.fullmatch(name)) is None:
        return None
    base = _RTMIN if match[1] == "MIN" else _RTMAX
    number = base + int(f"{match[2] or '+'}{match[3] or 0}")
    return number if _RTMIN <= number <= _RTMAX else None
