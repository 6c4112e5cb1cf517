"""Making a container for `run` and `create`, with a pull when its image isn't there."""

from __future__ import annotations

import os

from client import container_config, tty
from client.errors import ClientError, EngineError
from client.output import tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from client.options import Arguments
    from client.transport import Engine

_PULLS = ("always", "missing", "never")


def create(arguments: Arguments, engine: Engine, detached: bool) -> str:
    """Create the container that the command line describes and return its id. Errors have the exit code 125."""
    pull = arguments.text("pull")
    if pull not in _PULLS:
        raise ClientError(f'invalid --pull "{pull}": always, missing or never is wanted', 125)
    console = tty.size(1, 0) if arguments.flag("tty") else None
    body = container_config.body(arguments, os.environ, console, detached)
    path = arguments.text("cidfile")
    if path and os.path.exists(path):
        raise ClientError(f"the container ID file {path} exists already; remove it or choose another one", 125)
    query: dict[str, object] = {"name": arguments.text("name") or None, "platform": arguments.text("platform") or None}
    try:
        made = _create(engine, query, body, pull)
    except ClientError as error:
        error.code = 125
        raise
    for warning in made.get("Warnings") or []:
        tell(f"WARNING: {warning}")
    identifier = str(made["Id"])
    if path:
        _write_id(path, identifier)
    return identifier


def _create(engine: Engine, query: dict[str, object], body: dict[str, Any], pull: str) -> dict[str, Any]:
    if pull == "always":
        _pull(engine, body["Image"], query["platform"])
    made: dict[str, Any]
    try:
        made = engine.call("POST", "/containers/create", query, body)
    except EngineError as missing:
        if missing.status != 404 or pull != "missing" or "no such image" not in missing.message.lower():
            raise
        tell(f"Unable to find image '{body['Image']}' locally")
        try:
            _pull(engine, body["Image"], query["platform"])
        except EngineError as error:
            if error.status == 501 or "page not found" in error.message:
                raise missing from error  # this engine doesn't pull
            raise
        made = engine.call("POST", "/containers/create", query, body)
    return made


def _pull(engine: Engine, image: str, platform: object) -> None:
    from client.credentials import Credentials, registry_of
    from client.progress import Progress

    headers = {"X-Registry-Auth": Credentials().header(registry_of(image))}
    name, separator, tag = image.partition("@")
    if not separator:
        name, separator, tag = image.rpartition(":")
        if not separator or "/" in tag:
            name, tag = image, "latest"
    query = {"fromImage": name, "tag": tag, "platform": platform}
    reply = engine.open("POST", "/images/create", query, headers=headers)
    with reply:
        Progress(2, tty.is_terminal(2)).follow(reply.lines())


def _write_id(path: str, identifier: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with open(descriptor, "w") as file:
            file.write(identifier)
    except OSError as error:
        raise ClientError(f"the container ID file {path} can't be written: {error.strerror or error}", 125) from error


def start_code(message: str) -> int:
    """The exit code for a start that failed, by the engine's words: 127 not found, 126 not executable, else 125."""
    if any(words in message for words in ("executable file not found", "no such file or directory")):
        return 127
    if "system cannot find the file specified" in message:
        return 127
    if "permission denied" in message or "is a directory" in message:
        return 126
    return 125
