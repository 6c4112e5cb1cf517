"""Schemas for the dataclasses of `restd.model`: fields and names come from the model, limits from the door.

Bodies are read as Go's decoder does: names in any case, null means absent, unknown names are ignored, of two names
that differ in case alone the last counts.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin, get_type_hints

from marshmallow import EXCLUDE, Schema, ValidationError, post_load, pre_load

from restd.api.body import json_kind
from restd.api.schemas.fields import AnyObject, DockerField, Flag, ListOf, MapOf, ObjectOf, Text, Whole
from restd.errors import InvalidParameter
from restd.model.docker_json import json_name

T = TypeVar("T")
Limits = Mapping[type, Mapping[str, DockerField[Any]]]
"""Fields that say more than their type: model class -> attribute -> field. The field gets its JSON name here."""


class DockerObject(Schema):
    """The base of all body schemas. `model` is what a load makes."""

    class Meta:
        """marshmallow's settings."""

        unknown = EXCLUDE

    model: ClassVar[Any] = dict

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._names = {(field.data_key or name).lower(): field.data_key or name for name, field in self.fields.items()}

    @pre_load
    def _fold(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, dict):
            raise ValidationError(f"an object is expected, not {json_kind(data)}")
        names = self._names
        return {
            names[folded]: value
            for key, value in data.items()
            if value is not None and (folded := key.lower()) in names
        }

    @post_load
    def _build(self, data: dict[str, Any], **_: Any) -> Any:
        return self.model(**data)


def schema_of(model: type, limits: Limits, more: Mapping[str, DockerField[Any]] | None = None) -> type[DockerObject]:
    """A schema class for a model dataclass; `more` adds fields that the model has not."""
    hints = get_type_hints(model)
    special = limits.get(model, {})
    declared: dict[str, Any] = {}
    for item in dataclass_fields(model):
        field = special.get(item.name) or _field(hints[item.name], limits)
        field.data_key = json_name(item)
        declared[item.name] = field
    return type(f"{model.__name__}Schema", (DockerObject,), {**declared, **(more or {}), "model": model})


def _field(hint: Any, limits: Limits) -> DockerField[Any]:
    """The field for a type in the model."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _field(next(entry for entry in get_args(hint) if entry is not type(None)), limits)
    if origin is tuple:
        return ListOf(_field(get_args(hint)[0], limits))
    if origin is dict:
        inner = get_args(hint)[1]
        return AnyObject() if inner is Any else MapOf(_field(inner, limits))
    if isinstance(hint, type) and is_dataclass(hint):
        return ObjectOf(schema_of(hint, limits)())
    simple: dict[Any, type[DockerField[Any]]] = {str: Text, int: Whole, bool: Flag}
    return simple[hint]()


def load(schema: Schema, body: dict[str, Any]) -> Any:
    """The model from a body; InvalidParameter that names the field and says what is wrong with it."""
    try:
        return schema.load(body)
    except ValidationError as error:
        raise InvalidParameter(first_error(error.messages)) from None
    except RecursionError:
        raise InvalidParameter("invalid JSON: too deeply nested") from None


def first_error(messages: Any, path: str = "") -> str:
    """The first of marshmallow's messages, as `HostConfig.Ulimits[0].Soft: what is wrong`."""
    if isinstance(messages, dict) and messages:
        key, inner = next(iter(messages.items()))
        if key == "_schema":
            return first_error(inner, path)
        step = f"[{key}]" if isinstance(key, int) else f".{key}" if path else str(key)
        return first_error(inner, path + step)
    if isinstance(messages, list) and messages:
        return first_error(messages[0], path)
    return f"{path}: {messages}" if path else str(messages)
