from __future__ import annotations

import json

import pytest

from restd.errors import NotFound, SystemFailure
from restd.image.references import parse_reference
from restd.image.registry.failures import NoAnswer, RegistryError, failure_of, pull_failure

REFERENCE = parse_reference("reg.example/a/b:1")


def answered(status: int, code: str) -> RegistryError:
    body = json.dumps({"errors": [{"code": code, "message": "the words"}]}).encode()
    return failure_of("GET", "https://reg.example/v2/x", status, body, {})


def test_a_registrys_error_keeps_its_words() -> None:
    error = answered(500, "UNKNOWN")
    assert str(error) == 'Get "https://reg.example/v2/x": unknown: the words'
    assert (error.status, error.code, error.transient) == (500, "UNKNOWN", True)


@pytest.mark.parametrize("body", [b"<html>oops</html>", b"[]", b'{"errors":[]}', b'{"errors":[1]}', b"[" * 99999, b""])
def test_what_is_no_error_document_is_shown_short(body: bytes) -> None:
    error = failure_of("GET", "u", 502, body, {"Retry-After": "7"})
    assert "unexpected status 502" in str(error)
    assert len(str(error)) < 300
    assert error.retry_after == 7


def test_a_missing_manifest_is_not_found() -> None:
    found = pull_failure(answered(404, "MANIFEST_UNKNOWN"), REFERENCE)
    assert isinstance(found, NotFound)
    assert str(found) == "manifest for reg.example/a/b:1 not found: manifest unknown: the words"


@pytest.mark.parametrize(("status", "code"), [(401, "UNAUTHORIZED"), (403, "DENIED"), (404, "NAME_UNKNOWN")])
def test_a_denied_pull_may_need_a_login(status: int, code: str) -> None:
    found = pull_failure(answered(status, code), REFERENCE)
    assert isinstance(found, NotFound)
    assert "pull access denied for reg.example/a/b, repository does not exist or may require 'docker login'" in str(
        found
    )


def test_others_stay_what_they_are() -> None:
    error = NoAnswer("silence")
    assert pull_failure(error, REFERENCE) is error
    assert isinstance(error, SystemFailure)
    assert error.transient
    assert not answered(400, "X").transient
