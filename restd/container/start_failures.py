"""A failed start in Docker's words, with Docker's status and the exit code that a shell would give; pure.

Clients tell 127 and 126 from these texts alone: the docker CLI looks for `executable file not found`, `no such file or
directory`, `permission denied` and `is a directory`. Source: moby, daemon/errors.go, translateContainerdStartErr.
"""

from __future__ import annotations

from dataclasses import dataclass

from restd.errors import EngineError, InvalidParameter, SystemFailure
from restd.model.container import Container
from restd.runtime.base import RuntimeFailure

NOT_FOUND, NOT_EXECUTABLE, OTHER = 127, 126, 128
_PREFIX = "failed to create task for container: failed to create shim task: OCI runtime create failed"
_TYPE_HINT = (
    ": Are you trying to mount a directory onto a file (or vice-versa)? "
    "Check if the specified host path exists and is the expected type"
)


@dataclass(frozen=True)
class Failure:
    """What the client gets, what the state shows, and what really happened."""

    error: EngineError
    exit_code: int
    cause: BaseException


def failure_of(error: BaseException, container: Container) -> Failure:
    """The failure for whatever a start raised."""
    if isinstance(error, RuntimeFailure):
        return _of_runtime(error, container)
    if isinstance(error, EngineError):
        return Failure(error, OTHER, error)
    return Failure(SystemFailure(f"cannot start container {container.id}: {error}"), OTHER, error)


def _of_runtime(error: RuntimeFailure, container: Container) -> Failure:
    message = str(error)
    if error.kind == "timeout":
        return Failure(SystemFailure(f"{_PREFIX}: {message}"), OTHER, error)
    lower = message.lower()
    # crun's word for a folder: `open executable: Operation not permitted`.
    kind = "not-executable" if "open executable" in lower and "not permitted" in lower else error.kind
    text = f"{_PREFIX}: {in_dockers_words(message, kind, container.path)}: unknown"
    if "not a directory" in lower:
        return Failure(InvalidParameter(text + _TYPE_HINT), NOT_FOUND, error)
    if kind == "not-found" or "no such file or directory" in lower:
        return Failure(InvalidParameter(text), NOT_FOUND, error)
    if kind == "not-executable" or "permission denied" in lower:
        return Failure(InvalidParameter(text), NOT_EXECUTABLE, error)
    return Failure(SystemFailure(text), OTHER, error)


def in_dockers_words(message: str, kind: str, program: str) -> str:
    """`message` with runc's words for a program that can't be run, if another runtime has other words for it."""
    if kind == "not-found" and not any(
        words in message for words in ("executable file not found", "no such file or directory")
    ):
        reason = "no such file or directory" if "/" in program else "executable file not found in $PATH"
        return f'{message}: exec: "{program}": {reason}'
    if kind == "not-executable" and not any(words in message for words in ("permission denied", "is a directory")):
        return f'{message}: exec: "{program}": permission denied'
    return message
