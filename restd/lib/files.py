"""Files that survive a power cut, and paths that stay where they belong."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator
from typing import Any


def sync_directory(path: str) -> None:
    """fsync a directory, so that names created, renamed or removed in it are on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: str, data: bytes, mode: int = 0o640, *, durable: bool = True) -> None:
    """Replace `path` as a whole: a reader, or a crash, sees the old content or the new, never a part.

    With `durable` the content and the name are on disk on return (write, fsync, rename, fsync of the directory).
    """
    temporary = f"{path}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        if durable:
            os.fsync(descriptor)
    except BaseException:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    os.close(descriptor)
    os.rename(temporary, path)
    if durable:
        sync_directory(os.path.dirname(path) or ".")


def write_json(path: str, value: Any, mode: int = 0o640, *, durable: bool = True) -> None:
    """`write_atomically` of a JSON document."""
    write_atomically(path, json.dumps(value, separators=(",", ":")).encode(), mode, durable=durable)


class UnreadableFile(Exception):
    """A state file that does not parse. It was set aside under `kept_as`; nothing is lost."""

    def __init__(self, path: str, kept_as: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}; kept as {kept_as}")
        self.path, self.kept_as, self.reason = path, kept_as, reason


def read_json(path: str) -> Any:
    """The JSON document in `path`.

    Raises FileNotFoundError if there is none, and UnreadableFile, after renaming it to `PATH.corrupt-TIME`
    (UTC seconds), if its bytes are not a JSON document.
    """
    with open(path, "rb") as file:
        data = file.read()
    try:
        return json.loads(data)
    except ValueError as error:
        kept_as = f"{path}.corrupt-{int(time.time())}"
        os.rename(path, kept_as)
        raise UnreadableFile(path, kept_as, str(error)) from error


async def read_pieces(descriptor: int, size: int = 1 << 20) -> AsyncIterator[bytes]:
    """A file's bytes from where the descriptor stands, read in threads; it is closed at the end."""
    try:
        while data := await asyncio.to_thread(os.read, descriptor, size):
            yield data
    finally:
        os.close(descriptor)


def tree_size(path: str) -> int:
    """The bytes of the files in a folder and below it; one with several names counts once. Blocks.

    What vanishes meanwhile, or can't be read, counts nothing.
    """
    total = 0
    seen: set[tuple[int, int]] = set()
    folders = [path]
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    about = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif about.st_nlink < 2 or (about.st_dev, about.st_ino) not in seen:
                        total += about.st_size
                        if about.st_nlink > 1:
                            seen.add((about.st_dev, about.st_ino))
    return total
