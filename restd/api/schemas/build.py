"""What a build's parameters have in JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from marshmallow import Schema

from restd.api.schemas.objects import load, schema_of
from restd.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class BuildUlimit:
    """A resource limit; -1 for none."""

    name: str = ""
    hard: int = 0
    soft: int = 0


@cache
def _schema() -> Schema:
    return schema_of(BuildUlimit, {})()


def read_ulimits(text: str) -> list[BuildUlimit]:
    """`ulimits`: a JSON list. InvalidParameter names what is wrong."""
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidParameter(f"invalid value for ulimits: not JSON: {error}") from None
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InvalidParameter("invalid value for ulimits: a JSON list of objects is expected")
    return [load(_schema(), item) for item in value]
