"""Archives into local files: whole or not at all."""

from __future__ import annotations

import os

from client import tty
from client.errors import ClientError
from client.output import write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from client.transport import Reply


def deliver(reply: Reply, name: str) -> None:
    """Write an archive to the file `name`, to stdout without one."""
    with reply:
        if name:
            into_file(reply.blocks(), name)
            return
        for slices in reply.blocks():
            write_all(1, slices)


def check_place(name: str) -> None:
    """ClientError if an archive would go to a terminal."""
    if not name and tty.is_terminal(1):
        raise ClientError("an archive would clutter the terminal: redirect it, or name a file with -o")


def into_file(blocks: Iterable[Sequence[memoryview]], name: str) -> None:
    """Write beside the file and rename; a device or pipe is written as it is."""
    special = os.path.exists(name) and not os.path.isfile(name)
    part = name if special else f"{name}.{os.getpid()}.part"
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CLOEXEC | (0 if special else os.O_CREAT | os.O_EXCL), 0o600)
        try:
            for slices in blocks:
                write_all(descriptor, slices)
        finally:
            os.close(descriptor)
        if not special:
            os.rename(part, name)
    except OSError as error:
        _discard(part, special)
        raise ClientError(f"{name}: {(error.strerror or str(error)).lower()}") from error
    except BaseException:
        _discard(part, special)
        raise


def _discard(part: str, special: bool) -> None:
    if not special and os.path.exists(part):
        os.unlink(part)
