"""Lines of progress streams: one JSON object a line, ended by CRLF, an error with both of its keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from restd.api.call import dumps


def progress_line(message: Mapping[str, Any]) -> bytes:
    """One object. docker-modem and aiodocker read line by line, so it never spans two."""
    return dumps(message) + b"\r\n"


def error_line(message: str) -> bytes:
    """An error after the head has been sent."""
    return progress_line({"errorDetail": {"message": message}, "error": message})
