"""marshmallow fields that take what Docker's engine takes, and say in plain words what is wrong with the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from marshmallow import Schema, ValidationError, fields

from restd.api.body import json_kind

T = TypeVar("T")
INT64 = (-(1 << 63), (1 << 63) - 1)


def clean(text: str) -> str:
    """Text that can be a program argument, a file name or UTF-8: no NUL byte; half surrogates replaced, as Go does."""
    if "\0" in text:
        raise ValidationError("must not contain a NUL byte")
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class DockerField(fields.Field[T]):
    """A field that reads one JSON value, whatever stands around it; null has been taken out before."""

    def read(self, value: Any) -> T:
        """The value in its Python form; ValidationError says what is wrong with it."""
        raise NotImplementedError

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> T:  # noqa: ARG002 - marshmallow's signature
        return self.read(value)


class Text(DockerField[str]):
    """A string, if wanted of a pattern."""

    def __init__(self, pattern: str = "", says: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pattern = re.compile(pattern) if pattern else None
        self._says = says

    def read(self, value: Any) -> str:
        """The text, cleaned."""
        if not isinstance(value, str):
            raise ValidationError(f"a string is expected, not {json_kind(value)}")
        text = clean(value)
        if self.pattern is not None and not self.pattern.fullmatch(text):
            raise ValidationError(f"{text[:128]!r} {self._says}")
        return text


class Whole(DockerField[int]):
    """A whole number, by default of 64 bits. 1.0 and 1e3 are none, as in Go."""

    def __init__(self, low: int = INT64[0], high: int = INT64[1], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.low, self.high = low, high

    def read(self, value: Any) -> int:
        """The number."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValidationError(f"a whole number is expected, not {_shown(value)}")
        if not self.low <= value <= self.high:
            raise ValidationError(f"{_shown(value)} is not between {self.low} and {self.high}")
        return value


class Flag(DockerField[bool]):
    """true or false, nothing that looks like it."""

    def read(self, value: Any) -> bool:
        """The truth value."""
        if not isinstance(value, bool):
            raise ValidationError(f"true or false is expected, not {_shown(value)}")
        return value


class ListOf(DockerField[tuple[Any, ...]]):
    """A list; `one` also takes a single value for a list of one (Docker's Cmd and Entrypoint)."""

    def __init__(self, inner: DockerField[Any], *, one: bool = False, length: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = inner
        self.one = one
        self.length = length

    def read(self, value: Any) -> tuple[Any, ...]:
        """The entries as a tuple."""
        if self.one and isinstance(value, str):
            value = [value]
        if not isinstance(value, list):
            raise ValidationError(f"a list is expected, not {_shown(value)}")
        if self.length is not None and len(value) != self.length:
            raise ValidationError(f"a list of {self.length} is expected, not of {len(value)}")
        result = []
        for index, entry in enumerate(value):
            try:
                result.append(self.inner.read(_zero(self.inner, entry)))
            except ValidationError as error:
                raise ValidationError({index: error.messages}) from None
        return tuple(result)


class MapOf(DockerField[dict[str, Any]]):
    """An object with any keys (or keys of a pattern) and values of one kind; `nulls` keeps a null value as None."""

    def __init__(
        self,
        inner: DockerField[Any],
        *,
        keys: str = "",
        says: str = "",
        nulls: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.inner = inner
        self.keys = Text(keys, says)
        self._nulls = nulls

    def read(self, value: Any) -> dict[str, Any]:
        """The entries as a dict."""
        if not isinstance(value, dict):
            raise ValidationError(f"an object is expected, not {_shown(value)}")
        result: dict[str, Any] = {}
        for key, entry in value.items():
            try:
                result[self.keys.read(key)] = (
                    None if entry is None and self._nulls else self.inner.read(_zero(self.inner, entry))
                )
            except ValidationError as error:
                raise ValidationError({key[:128]: error.messages}) from None
        return result


class ObjectOf(DockerField[Any]):
    """An object with a schema of its own."""

    def __init__(self, schema: Schema, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.schema = schema

    def read(self, value: Any) -> Any:
        """What the schema makes of it."""
        if not isinstance(value, dict):
            raise ValidationError(f"an object is expected, not {_shown(value)}")
        return self.schema.load(value)


class AnyObject(DockerField[dict[str, Any]]):
    """An object whose inside means nothing here (Go's `struct{}`), or one that is passed on as it is."""

    def read(self, value: Any) -> dict[str, Any]:
        """The object as it is."""
        if not isinstance(value, dict):
            raise ValidationError(f"an object is expected, not {_shown(value)}")
        return value


def _zero(inner: DockerField[Any], value: Any) -> Any:
    """null stands for the zero value, wherever it is."""
    if value is not None:
        return value
    if isinstance(inner, Text):
        return ""
    return {} if isinstance(inner, (AnyObject, ObjectOf)) else value


def _shown(value: Any) -> str:
    """A value in an error text; long ones only by what they are."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if isinstance(value, int) and value.bit_length() > 128:
            return "a number that large"
        return str(value)
    if isinstance(value, str) and len(value) <= 64:
        return repr(value)
    return json_kind(value)
