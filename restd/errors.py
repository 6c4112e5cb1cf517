"""Kinds of error. A room raises a kind with a message for people; only the HTTP door knows numbers.

The kinds are those of the Docker Engine's `errdefs` package, so that each has one well-known HTTP status.
"""


class EngineError(Exception):
    """Base of all errors that a client may see. `str(error)` is the text it gets."""


class InvalidParameter(EngineError):
    """The request is wrong in itself and will be wrong again (400)."""


class Unauthorized(EngineError):
    """Credentials are missing or were refused (401)."""


class Forbidden(EngineError):
    """The thing may not be done at all, whoever asks (403)."""


class NotFound(EngineError):
    """What the request names does not exist (404)."""


class Conflict(EngineError):
    """The request collides with the present state; it may succeed later (409)."""


class NotModified(EngineError):
    """Nothing to do: the thing already is as asked (304, no body)."""


class NotImplementedYet(EngineError):
    """The request is valid Docker API that this engine does not carry out (501)."""


class Unavailable(EngineError):
    """The engine cannot do it now, though nothing is wrong with the request (503)."""


class SystemFailure(EngineError):
    """The engine, the runtime or the host failed (500)."""
