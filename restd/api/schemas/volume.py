"""The body of `POST /volumes/create`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from marshmallow import Schema

from restd.api.schemas.objects import load, schema_of
from restd.errors import Unavailable

_CLUSTER = "clustervolumespec"


@dataclass(frozen=True, slots=True)
class VolumeCreate:
    """What a new volume is to be. `driver_opts` and `labels` are None if they were not given."""

    name: str = ""
    driver: str = ""
    driver_opts: dict[str, str] | None = None
    labels: dict[str, str] | None = None


@cache
def volume_create_schema() -> Schema:
    """The schema of the body."""
    return schema_of(VolumeCreate, {})()


def read_volume_create(body: dict[str, Any]) -> VolumeCreate:
    """The request for a volume. Unavailable, as in Docker without a swarm, if it is one for a cluster."""
    if any(key.lower() == _CLUSTER and value for key, value in body.items()):
        raise Unavailable("volume creation for cluster volumes is only valid in a swarm, which this engine is not in")
    request: VolumeCreate = load(volume_create_schema(), body)
    return request
