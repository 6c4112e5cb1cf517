"""Log lines as the shim writes them, by a simple model: the JSON encoder."""

import json

from restd.lib.times import to_rfc3339
from restd.logs.query import LogQuery

BOTH = LogQuery(stdout=True, stderr=True)
START = 1_700_000_000_000_000_000


def line(text: str, moment: int = START, stream: str = "stdout", **more: object) -> bytes:
    entry = {"log": text, "stream": stream, "time": to_rfc3339(moment), **more}
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def numbered(first: int, last: int, stream: str = "stdout") -> bytes:
    return b"".join(line(f"line {number}\n", START + number, stream) for number in range(first, last))


def texts(first: int, last: int) -> bytes:
    return b"".join(b"line %d\n" % number for number in range(first, last))
