"""What a registry's error means for a client. Pure.

Codes: OCI distribution specification, "Error Codes". Docker turns a missing manifest and a denied pull into 404.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from restd.errors import EngineError, NotFound, SystemFailure
from restd.image.references import Reference

_TRANSIENT = frozenset((408, 425, 429, 500, 502, 503, 504))
_SHOWN = 200


class RegistryError(SystemFailure):
    """A registry refused. `status` is its HTTP status (0: none), `code` its own word such as MANIFEST_UNKNOWN."""

    def __init__(self, text: str, status: int, code: str = "", retry_after: float = 0.0) -> None:
        super().__init__(text)
        self.status, self.code, self.retry_after = status, code, retry_after

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in _TRANSIENT


class NoAnswer(RegistryError):
    """Nothing came: no connection, a broken one, or silence."""

    def __init__(self, text: str) -> None:
        super().__init__(text, 0)

    @property
    def transient(self) -> bool:
        """Connections come back."""
        return True


def failure_of(method: str, url: str, status: int, body: bytes, headers: Mapping[str, str]) -> RegistryError:
    """An error answer as an exception; what is no registry's error is shown as it is, shortened."""
    code, message = "", ""
    try:
        first = json.loads(body)["errors"][0]
        code, message = str(first.get("code", "")), str(first.get("message", ""))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        shown = body[:_SHOWN].decode(errors="replace").strip()
        message = f"unexpected status {status}" + (f": {shown}" if shown else "")
    text = f"{code.lower().replace('_', ' ')}: {message}" if code else message
    return RegistryError(f'{method.title()} "{url}": {text}', status, code, _seconds(headers.get("Retry-After", "")))


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0


def pull_failure(error: RegistryError, reference: Reference) -> EngineError:
    """In Docker's words, for the pull (or look-up) of `reference`."""
    if error.code in ("MANIFEST_UNKNOWN", "TAG_INVALID") or (error.status == 404 and not error.code):
        return NotFound(f"manifest for {reference.familiar} not found: {_message(error)}")
    if error.code in ("NAME_UNKNOWN", "DENIED") or (error.status in (401, 403) and error.code == "UNAUTHORIZED"):
        reason = _message(error) if error.status == 404 else "denied: requested access to the resource is denied"
        return NotFound(
            f"pull access denied for {reference.familiar_name}, repository does not exist or may require "
            f"'docker login': {reason}"
        )
    return error


def _message(error: RegistryError) -> str:
    return str(error).partition('": ')[2] or "manifest unknown: manifest unknown"
