"""Dataclasses whose JSON form is Docker's: how a field is named there, and the two directions.

A field's JSON name is its Python name in PascalCase (`stop_signal` -> `StopSignal`) unless `named()` gives another.
`from_docker` trusts its input (the HTTP door has validated it, or this engine wrote it); unknown keys are ignored.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import MISSING, Field, field, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


def named(name: str, *, default: Any = MISSING, default_factory: Any = MISSING, omit_empty: bool = False) -> Any:
    """A dataclass field whose JSON name isn't its PascalCase; `omit_empty` as Go's `omitempty`."""
    metadata = {"json": name, "omit_empty": omit_empty}
    if default_factory is not MISSING:
        return field(default_factory=default_factory, metadata=metadata)
    return field(default=default, metadata=metadata)


def optional(default: Any = None) -> Any:
    """A field that is left out of the JSON form while it is empty (Go's `omitempty`)."""
    return field(default=default, metadata={"omit_empty": True})


def json_name(item: Field[Any]) -> str:
    """The name of a field in Docker's JSON."""
    given: str | None = item.metadata.get("json")
    return given or "".join(part[:1].upper() + part[1:] for part in item.name.split("_"))


@cache
def _plan(kind: Any) -> tuple[tuple[str, str, Callable[[Any], bool], Callable[[Any], Any]], ...]:
    hints = get_type_hints(kind)
    return tuple((item.name, json_name(item), _shown(item), _reader(hints[item.name])) for item in fields(kind))


def _shown(item: Field[Any]) -> Callable[[Any], bool]:
    """Which values of a field appear at all. An optional number or truth value that was given is never empty."""
    if not item.metadata.get("omit_empty"):
        return lambda _: True
    if item.default is None:
        return lambda value: value is not None and (isinstance(value, (bool, int)) or bool(value))
    return bool


def to_docker(value: Any) -> Any:
    """The JSON form (plain dicts, lists, scalars) of a dataclass of this package, or of a container of them."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            name: to_docker(inner)
            for attribute, name, shown, _ in _plan(type(value))
            if shown(inner := getattr(value, attribute))
        }
    if isinstance(value, dict):
        return {key: to_docker(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_docker(inner) for inner in value]
    return value


def from_docker(kind: type[T], value: dict[str, Any]) -> T:
    """The dataclass from its JSON form. Missing or null keys take the default."""
    known = {}
    for attribute, name, _, read in _plan(cast(Any, kind)):
        inner = value.get(name)
        if inner is not None:
            known[attribute] = read(inner)
    return kind(**known)


def _reader(hint: Any) -> Callable[[Any], Any]:
    """A function that turns the JSON form of a `hint` into its Python form."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        inner = [entry for entry in get_args(hint) if entry is not type(None)]
        return _reader(inner[0])
    if origin is tuple:
        each = _reader(get_args(hint)[0])
        return lambda value: tuple(each(entry) for entry in value)
    if origin is dict:
        each = _reader(get_args(hint)[1])
        return lambda value: {key: each(entry) for key, entry in value.items()}
    if is_dataclass(hint):
        kind: type[Any] = hint  # type: ignore[assignment]  # is_dataclass of a type hint is a type here
        return lambda value: from_docker(kind, value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    return lambda value: value
