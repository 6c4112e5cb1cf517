"""Regular expressions that clients send, as Docker means them: Go's, which are RE2's, and match in linear time.

Python's own `re` has another syntax and backtracks: a pattern of ten bytes can stop the engine for ever. The library is
loaded when the first pattern needs it (docs/decisions/0007-re2.md); names, which most patterns are, need none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from restd.errors import InvalidParameter

PATTERN_LIMIT = 4096
"""Bytes of one pattern; a longer one matches only what it is equal to."""
COUNT_LIMIT = 1000
MEMORY_LIMIT = 256 << 10
"""Bytes that one pattern may take while it is in use."""

Test = Callable[[str], bool]

_PLAIN = re.compile(r"(\^?)([^\\.+*?()|\[\]{}^$]*)(\$?)")


def any_of(patterns: Iterable[str]) -> Test:
    """Docker's rule for names: a text passes if it is equal to a pattern, or one matches somewhere in it.

    A pattern that is none matches nothing but itself. InvalidParameter if there are too many.
    """
    texts = frozenset(patterns)
    if len(texts) > COUNT_LIMIT:
        raise InvalidParameter(f"invalid filter: more than {COUNT_LIMIT} patterns")
    tests = [test for test in map(_test, texts) if test is not None]
    return lambda text: text in texts or any(test(text) for test in tests)


def _test(pattern: str) -> Test | None:
    plain = _PLAIN.fullmatch(pattern)
    if plain is not None:
        return _plain_test(plain[2], begins=bool(plain[1]), ends=bool(plain[3]))
    if len(pattern) > PATTERN_LIMIT:
        return None
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = MEMORY_LIMIT
    try:
        compiled = re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError):
        return None
    return lambda text: compiled.search(text) is not None


def _plain_test(wanted: str, *, begins: bool, ends: bool) -> Test:
    """Without special characters but for anchors."""
    if begins and ends:
        return lambda text: text == wanted
    if begins:
        return lambda text: text.startswith(wanted)
    if ends:
        return lambda text: text.endswith(wanted)
    return lambda text: wanted in text
