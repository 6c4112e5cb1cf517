"""`cp`: files out of a container, or into it, as the docker command copies them."""

from __future__ import annotations

import base64
import io
import json
import os
import threading

from client import paths, tty
from client.archives import pack, unpack
from client.errors import ClientError, EngineError
from client.options import Option
from client.output import write_all
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from client.options import Arguments
    from client.transport import Engine

_DIRECTORY, _LINK = 1 << 31, 1 << 27
_MOST_LINKS = 40


def run(arguments: Arguments, engine: Engine) -> int:
    """One side is a container's."""
    source, target = arguments.words
    from_name, from_path = split(source)
    to_name, to_path = split(target)
    if bool(from_name) == bool(to_name):
        raise ClientError(
            "copying between containers is not supported" if from_name else "one side must be CONTAINER:PATH"
        )
    owners, follow = arguments.flag("archive"), arguments.flag("follow-link")
    if from_name:
        _out(engine, from_name, from_path, target, owners=owners, follow=follow)
    else:
        _into(engine, source, to_name, to_path, owners=owners, follow=follow)
    return 0


def split(text: str) -> tuple[str, str]:
    """(container, path); the container is empty for a local path, which may begin with a slash or dot."""
    name, colon, path = text.partition(":")
    if not colon or text.startswith(("/", ".")) or not name:
        return "", text
    return name, path or "/"


class _Stream(io.RawIOBase):
    """A reply's body as a file."""

    def __init__(self, blocks: Iterator[list[memoryview]]) -> None:
        self._blocks = blocks
        self._held = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._held:
            slices = next(self._blocks, None)
            if slices is None:
                return 0
            self._held = b"".join(slices)
        count = min(len(buffer), len(self._held))
        buffer[:count] = self._held[:count]
        self._held = self._held[count:]
        return count


def _out(engine: Engine, name: str, path: str, target: str, *, owners: bool, follow: bool) -> None:
    if follow:
        path = _followed(engine, name, path)
    if target == "-":
        if tty.is_terminal(1):
            raise ClientError("an archive would clutter the terminal: redirect it")
        with engine.open("GET", paths.container(name, "/archive"), {"path": path}) as reply:
            for slices in reply.blocks():
                write_all(1, slices)
        return
    contents = path.endswith("/.")
    parent = os.path.dirname(os.path.abspath(target))
    if os.path.isdir(target):
        where, top = target, None if contents else os.path.basename(path.rstrip("/")) or None
    elif target.endswith("/") or not os.path.isdir(parent):
        raise ClientError(f"no such directory: {target if target.endswith('/') else parent}")
    elif contents:
        os.mkdir(target)
        where, top = target, None
    else:
        where, top = parent, os.path.basename(os.path.abspath(target))
    with engine.open("GET", paths.container(name, "/archive"), {"path": path}) as reply:
        unpack(io.BufferedReader(_Stream(reply.blocks()), 1 << 20), where, top, owners=owners)


def _stat(engine: Engine, name: str, path: str) -> dict[str, Any] | None:
    """What the engine says is at a path; None if nothing is."""
    with engine.send("HEAD", paths.container(name, "/archive"), {"path": path}) as reply:
        head = reply.head
        if head.status == 404:
            return None
        if head.status >= 400:
            raise EngineError(head.status, f"{path}: {head.reason}")
        text = head.headers.get("x-docker-container-path-stat", "")
    value: dict[str, Any] = json.loads(base64.b64decode(text))
    return value


def _followed(engine: Engine, name: str, path: str) -> str:
    """The path, or where it leads if it is a link."""
    for _ in range(_MOST_LINKS):
        found = _stat(engine, name, path)
        if found is None or not found["mode"] & _LINK or not found["linkTarget"]:
            return path
        path = found["linkTarget"]
    raise ClientError(f"too many links: {path}")


def _into(engine: Engine, source: str, name: str, path: str, *, owners: bool, follow: bool) -> None:
    path = _followed(engine, name, path)
    found = _stat(engine, name, path)
    folder_there = found is not None and bool(found["mode"] & _DIRECTORY)
    query: dict[str, object] = {"path": path, "noOverwriteDirNonDir": "true"}
    if owners:
        query["copyUIDGID"] = "true"
    if source == "-":
        if not folder_there:
            raise ClientError(f'destination "{name}:{path}" must be a directory')
        engine.open("PUT", paths.container(name, "/archive"), query, upload=os.dup(0)).close()
        return
    if follow:
        source = os.path.realpath(source) + ("/." if source.endswith("/.") else "")
    if not os.path.lexists(source):
        raise ClientError(f"no such file or directory: {source}")
    contents = source.endswith("/.") or source == "."
    if folder_there:
        top = "." if contents else os.path.basename(os.path.abspath(source))
    else:
        if path.endswith("/") and not os.path.isdir(source):
            raise ClientError(f"no such directory: {name}:{path}")
        query["path"], top = os.path.split(path.rstrip("/"))
        query["path"] = query["path"] or "/"
    _send(engine, name, query, source, top, owners=owners)


def _send(engine: Engine, name: str, query: dict[str, object], source: str, top: str, *, owners: bool) -> None:
    """Pack in a thread, send from here."""
    reader, writer = os.pipe()
    failure: list[BaseException] = []

    def work() -> None:
        try:
            pack(source, top, writer, owners=owners)
        except BrokenPipeError:
            pass
        except BaseException as error:  # it belongs to the caller
            failure.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        engine.open("PUT", paths.container(name, "/archive"), query, upload=reader).close()
    finally:
        os.close(reader)
        thread.join()
    if failure:
        raise ClientError(f"{source}: {failure[0]}") from failure[0]


VERB = Verb(
    run,
    (
        Option("archive a", "Keep user and group"),
        Option("follow-link L", "Copy what a link leads to, not the link"),
    ),
    words="CONTAINER:PATH PATH|- | PATH|- CONTAINER:PATH",
    least=2,
    most=2,
    example="isula-rest cp web:/etc/hosts .",
    note="A source that ends in /. stands for what is in the folder.",
)
