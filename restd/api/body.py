"""Request bodies: JSON documents within a limit, and archives as a stream."""

from __future__ import annotations

import json
from typing import Any, Protocol

from restd.api.errors import PayloadTooLarge
from restd.errors import InvalidParameter

JSON_LIMIT = 4 << 20
"""Bytes of a JSON body. Far above any real create body; a guard against a client gone wrong."""


class Content(Protocol):
    """A body as it comes in; an empty chunk ends it."""

    async def readany(self) -> bytes:
        """The next bytes."""


async def read_all(content: Content, limit: int = JSON_LIMIT) -> bytes:
    """The whole body. PayloadTooLarge past `limit`."""
    parts: list[bytes] = []
    size = 0
    while part := await content.readany():
        size += len(part)
        if size > limit:
            raise PayloadTooLarge(f"the request body is over its limit of {limit} bytes")
        parts.append(part)
    return b"".join(parts)


def check_json_type(content_type: str | None, *, empty: bool) -> None:
    """InvalidParameter unless the body is declared as JSON; an empty body needs no declaration."""
    if content_type is None or not content_type.strip():
        if empty:
            return
        content_type = ""
    if content_type.partition(";")[0].strip().lower() != "application/json" and not empty:
        raise InvalidParameter(f"unsupported Content-Type header ({content_type}): must be 'application/json'")


def decode_object(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`. Docker's words for no document, a broken one, and one with something behind it."""
    text = _text(data)
    if not text.strip():
        raise InvalidParameter("invalid JSON: got EOF while reading request body")
    try:
        value, end = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode(text.lstrip(" \t\r\n"))
    except RecursionError:
        raise InvalidParameter("invalid JSON: too deeply nested") from None
    except ValueError as error:
        raise InvalidParameter(f"invalid JSON: {error}") from error
    if text.lstrip(" \t\r\n")[end:].strip(" \t\r\n"):
        raise InvalidParameter("unexpected content after JSON")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidParameter(f"invalid JSON: an object is expected, not {json_kind(value)}")
    return value


def _text(data: bytes) -> str:
    """Bytes that are not UTF-8 become U+FFFD, as in Go's decoder. A byte order mark is not JSON there either."""
    return data.decode("utf-8", "replace")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def json_kind(value: Any) -> str:
    """What a JSON value is, in words for people."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object"
