"""Archives into local files: whole or not at all."""

from __future__ import annotations

import os

from client.errors import ClientError
from client.output import write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


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
