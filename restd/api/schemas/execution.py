"""The bodies of `POST /containers/ID/exec` and `POST /exec/ID/start`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from marshmallow import Schema

from restd.api.schemas.fields import ListOf, Whole
from restd.api.schemas.objects import load, schema_of
from restd.api.versions import Version
from restd.errors import InvalidParameter
from restd.model.container import ExecConfig

_UINT32 = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class ExecStart:
    """How an exec is started. `console_size` is (height, width) or None."""

    detach: bool = False
    tty: bool = False
    console_size: tuple[int, ...] | None = None


def _size() -> ListOf:
    return ListOf(Whole(0, _UINT32), length=2)


@cache
def exec_create_schema() -> Schema:
    """The schema of an exec's configuration."""
    return schema_of(ExecConfig, {ExecConfig: {"console_size": _size()}})()


@cache
def exec_start_schema() -> Schema:
    """The schema of an exec's start."""
    return schema_of(ExecStart, {ExecStart: {"console_size": _size()}})()


def read_exec_create(body: dict[str, Any], version: Version) -> ExecConfig:
    """An exec's configuration; it must have a command."""
    if not any(key.lower() == "cmd" and value for key, value in body.items()):
        raise InvalidParameter("No exec command specified")
    config: ExecConfig = load(exec_create_schema(), body)
    return config if version >= (1, 42) else replace(config, console_size=None)


def read_exec_start(body: dict[str, Any], version: Version) -> ExecStart:
    """How to start an exec."""
    start: ExecStart = load(exec_start_schema(), body)
    return start if version >= (1, 42) else replace(start, console_size=None)
