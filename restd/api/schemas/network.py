"""The bodies of `POST /networks/create`, `/networks/ID/connect` and `/networks/ID/disconnect`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from marshmallow import Schema

from restd.api.schemas.objects import load, schema_of
from restd.api.versions import Version
from restd.errors import InvalidParameter
from restd.model.container import Endpoint
from restd.model.network import NetworkRequest


@dataclass(frozen=True, slots=True)
class Connection:
    """Which container, and what it is to have there."""

    container: str = ""
    endpoint_config: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class Disconnection:
    """Which container; with `force` also one that is gone."""

    container: str = ""
    force: bool = False


@cache
def network_schema() -> Schema:
    """The schema of a new network. `CheckDuplicate` is not in it: a name is given once, whatever it says."""
    return schema_of(NetworkRequest, {})()


@cache
def connection_schema() -> Schema:
    """The schema of a connect."""
    return schema_of(Connection, {})()


@cache
def disconnection_schema() -> Schema:
    """The schema of a disconnect."""
    return schema_of(Disconnection, {})()


def read_network(body: dict[str, Any], version: Version) -> NetworkRequest:
    """The request for a new network, with what older API versions did not know."""
    request: NetworkRequest = load(network_schema(), body)
    return request if version >= (1, 48) else replace(request, enable_ipv4=None)


def read_connection(body: dict[str, Any]) -> tuple[str, Endpoint]:
    """The container's reference, and its place as asked for."""
    request: Connection = load(connection_schema(), body)
    return _container(request.container), request.endpoint_config or Endpoint()


def read_disconnection(body: dict[str, Any]) -> tuple[str, bool]:
    """The container's reference, and `Force`."""
    request: Disconnection = load(disconnection_schema(), body)
    return _container(request.container), request.force


def _container(text: str) -> str:
    if not text:
        raise InvalidParameter("invalid container name or ID: value is empty")
    return text
