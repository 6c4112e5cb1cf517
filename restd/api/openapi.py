"""The API description, made from the routes, the body schemas and the reply schemas.

`python -m restd.api.openapi > openapi/openapi.yaml`; a test holds the file to it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, cast

from marshmallow import Schema

from restd import __version__
from restd.api import wire
from restd.api.engine import Engine
from restd.api.replies import ref, reply_schemas
from restd.api.routes import all_routes
from restd.api.schemas.fields import INT64, AnyObject, DockerField, Flag, ListOf, MapOf, ObjectOf, Text, Whole
from restd.api.table import Parameter, Route
from restd.api.versions import NEWEST, OLDEST, text_of

_INTRODUCTION = f"""The Docker Engine API, versions {text_of(OLDEST)} to {text_of(NEWEST)}, as isula-rest serves it.
Every path may have a prefix /vX.Y; without one the newest version is meant. In request bodies names are read in any
case, null means absent, and unknown names are ignored."""
_PLAIN = re.compile(r"[A-Za-z/_][A-Za-z0-9_ /{}.$-]*")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_WORDS = frozenset("true false null yes no on off y n".split())


def document() -> dict[str, Any]:
    """The description, OpenAPI 3.1."""
    engine = Engine(*[cast(Any, None)] * 7)  # routes are only described, never called
    paths: dict[str, dict[str, Any]] = {}
    for route in all_routes(engine):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "isula-rest",
            "version": __version__,
            "description": " ".join(_INTRODUCTION.split()),
            "license": {"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
        },
        "paths": paths,
        "components": {"schemas": reply_schemas()},
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {"summary": route.summary, "operationId": _operation_id(route)}
    if route.description:
        operation["description"] = route.description
    parameters = [_parameter(parameter) for parameter in route.parameters]
    if "{name}" in route.path:
        path = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
        parameters.insert(0, {**path, "description": "Name, id, or the beginning of an id."})
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _body(route.body)}
    operation["responses"] = {
        str(status): _response(description, body) for status, (description, body) in route.answers.items()
    } | {"default": _response("An error.", "Error")}
    return operation


def _operation_id(route: Route) -> str:
    words = re.findall(r"[a-z]+", route.path.replace("{name}", "one").lower())
    return "_".join([route.method.lower(), *words])


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": parameter.kind}
    if parameter.repeated:
        schema = {"type": "array", "items": schema}
    result: dict[str, Any] = {"name": parameter.name, "in": "query", "description": parameter.description}
    if parameter.required:
        result["required"] = True
    return {**result, "schema": schema}


def _body(body: Any) -> dict[str, Any]:
    if body == "archive":
        return {wire.TAR: {"schema": {"type": "string", "format": "binary"}}}
    return {wire.JSON: {"schema": body_schema(body())}}


def _response(description: str, body: Any) -> dict[str, Any]:
    response: dict[str, Any] = {"description": description or "Done."}
    content = {
        "text": {wire.TEXT: {"schema": {"type": "string"}}},
        "archive": {wire.TAR: {"schema": {"type": "string", "format": "binary"}}},
        "stream": {
            wire.MULTIPLEXED_STREAM: {"schema": {"type": "string", "format": "binary"}},
            wire.RAW_STREAM: {"schema": {"type": "string", "format": "binary"}},
        },
    }
    if isinstance(body, list):
        response["content"] = {wire.JSON: {"schema": {"type": "array", "items": ref(body[0])}}}
    elif body in content:
        response["content"] = content[body]
    elif body is not None:
        response["content"] = {wire.JSON: {"schema": ref(body)}}
    return response


def body_schema(schema: Schema) -> dict[str, Any]:
    """The JSON Schema of a body schema."""
    properties = {
        field.data_key or name: _field(field) for name, field in schema.fields.items() if isinstance(field, DockerField)
    }
    return {"type": "object", "properties": properties}


def _field(field: DockerField[Any]) -> dict[str, Any]:
    """The JSON Schema of one field; null, which means absent, is allowed in place of anything."""
    match field:
        case Text():
            return {"type": ["string", "null"], **_pattern(field)}
        case Whole():
            limits = {"minimum": field.low, "maximum": field.high}
            return {"type": ["integer", "null"], **{k: v for k, v in limits.items() if v not in INT64}}
        case Flag():
            return {"type": ["boolean", "null"]}
        case ListOf():
            kinds = ["array", "string", "null"] if field.one else ["array", "null"]
            length = {"minItems": field.length, "maxItems": field.length} if field.length is not None else {}
            return {"type": kinds, "items": _field(field.inner), **length}
        case MapOf():
            names = {"propertyNames": _pattern(field.keys)} if field.keys.pattern else {}
            return {"type": ["object", "null"], "additionalProperties": _field(field.inner), **names}
        case ObjectOf():
            return {**body_schema(field.schema), "type": ["object", "null"]}
        case AnyObject():
            return {"type": ["object", "null"]}
    raise TypeError(f"no description for {field!r}")


def _pattern(field: Text) -> dict[str, Any]:
    return {"pattern": f"^(?:{field.pattern.pattern})$"} if field.pattern is not None else {}


# YAML, as much as is needed: blocks of mappings and lists, strings quoted as in JSON unless they are plain words.


def to_yaml(value: Any) -> str:
    """The document as YAML 1.2 text."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _entry(f"{_scalar(key)}:", inner)
    elif isinstance(value, list) and value:
        for inner in value:
            yield from _item(_lines(inner))
    else:
        yield _scalar(value)


def _entry(head: str, inner: Any) -> Iterator[str]:
    if isinstance(inner, (dict, list)) and inner:
        yield head
        for line in _lines(inner):
            yield f"  {line}"
    else:
        yield f"{head} {_scalar(inner)}"


def _item(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"{'  ' if number else '- '}{line}"


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS and value == value.strip():
        return value
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))


if __name__ == "__main__":
    sys.stdout.write(to_yaml(document()))
