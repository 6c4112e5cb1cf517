from __future__ import annotations

import pytest

from restd.api.schemas.registry import AuthConfig, read_auth
from restd.errors import InvalidParameter


def test_credentials_are_read() -> None:
    body = {"username": "me", "password": "hush", "serveraddress": "reg.example", "unknown": 1}
    assert read_auth(body) == AuthConfig(username="me", password="hush", serveraddress="reg.example")
    assert "hush" not in repr(read_auth(body))


def test_wrong_types_are_named() -> None:
    with pytest.raises(InvalidParameter, match="password"):
        read_auth({"password": 5})
