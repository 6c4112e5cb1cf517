"""Credentials as clients send them: AuthConfig, the body of `POST /auth`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from marshmallow import Schema

from restd.api.schemas.objects import load, schema_of
from restd.model.docker_json import named


@dataclass(frozen=True, slots=True, repr=False)
class AuthConfig:
    """A name and password, or a token; `auth` is base64 of `name:password`."""

    username: str = named("username", default="")
    password: str = named("password", default="")
    auth: str = named("auth", default="")
    email: str = named("email", default="")
    serveraddress: str = named("serveraddress", default="")
    identitytoken: str = named("identitytoken", default="")
    registrytoken: str = named("registrytoken", default="")


@cache
def auth_schema() -> Schema:
    """The schema of credentials."""
    return schema_of(AuthConfig, {})()


def read_auth(body: dict[str, Any]) -> AuthConfig:
    """Credentials; InvalidParameter naming what is wrong."""
    auth: AuthConfig = load(auth_schema(), body)
    return auth
