from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.image.registry.credentials import ANONYMOUS, Credentials, decode_auth, decode_auths, registry_host


def packed(value: object, *, urlsafe: bool = True, padded: bool = True) -> str:
    data = json.dumps(value).encode()
    text = (base64.urlsafe_b64encode(data) if urlsafe else base64.b64encode(data)).decode()
    return text if padded else text.rstrip("=")


@pytest.mark.parametrize("urlsafe", [True, False])
@pytest.mark.parametrize("padded", [True, False])
def test_both_alphabets_are_read_padded_or_not(urlsafe: bool, padded: bool) -> None:
    header = packed({"username": "ü?>", "password": "~~??>>"}, urlsafe=urlsafe, padded=padded)
    assert decode_auth(header) == Credentials("ü?>", "~~??>>")


def test_name_and_password_may_be_packed_once_more() -> None:
    auth = base64.b64encode(b"me:a:b").decode()
    assert decode_auth(packed({"auth": auth})) == Credentials("me", "a:b")


@pytest.mark.parametrize("header", ["", "e30=", "bnVsbA==", "WzFd", "garbage!", "=", "Zm9v", "x" * 70_000])
def test_nothing_and_garbage_are_anonymous(header: str) -> None:
    assert decode_auth(header) == ANONYMOUS
    assert decode_auth(header).anonymous


@given(st.text())
def test_no_header_is_an_error(header: str) -> None:
    assert isinstance(decode_auth(header), Credentials)
    assert isinstance(decode_auths(header), dict)


def test_wrong_types_are_as_if_missing() -> None:
    assert decode_auth(packed({"username": 1, "password": None, "identitytoken": []})) == ANONYMOUS


def test_a_map_of_registries_is_read_by_host() -> None:
    entry = {"username": "u", "password": "p"}
    header = packed({"https://index.docker.io/v1/": entry, "reg.example:5000": entry, "https://x.example/v2/": {}})
    found = decode_auths(header)
    assert found == {
        "docker.io": Credentials("u", "p"),
        "reg.example:5000": Credentials("u", "p"),
        "x.example": ANONYMOUS,
    }


def test_registries_are_known_by_their_host() -> None:
    assert registry_host("registry-1.docker.io") == "docker.io"
    assert registry_host("http://a:1/b") == "a:1"


def test_nothing_secret_is_shown() -> None:
    assert "hush" not in repr(Credentials("me", "hush", "hush", "hush"))
    assert Credentials("me", "hush").basic == "Basic " + base64.b64encode(b"me:hush").decode()
    assert Credentials().basic == ""
