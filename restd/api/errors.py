"""Kind of error -> HTTP status: the only such table in the engine."""

from __future__ import annotations

from restd.errors import (
    Conflict,
    EngineError,
    Forbidden,
    InvalidParameter,
    NotFound,
    NotImplementedYet,
    NotModified,
    SystemFailure,
    Unauthorized,
    Unavailable,
)

STATUS: dict[type[EngineError], int] = {
    NotModified: 304,
    InvalidParameter: 400,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    SystemFailure: 500,
    NotImplementedYet: 501,
    Unavailable: 503,
}

PAGE_NOT_FOUND = "page not found"
"""What Docker answers for an unknown path, and for a known one with a wrong method."""

INTERNAL_ERROR = "internal error: the daemon's log has the details"


class PayloadTooLarge(InvalidParameter):
    """A body over its limit. Docker has no such kind; 413 is what HTTP has for it."""


def status_of(error: EngineError) -> int:
    """The status for an error, by the nearest kind it is of; 500 for a kind that is not in the table."""
    if isinstance(error, PayloadTooLarge):
        return 413
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return 500
