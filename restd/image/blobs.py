"""Blobs as they came, by digest: `ROOT/blobs/sha256/HEX`. Manifests, configurations and layers alike."""

from __future__ import annotations

import contextlib
import os


class BlobStore:
    """The blobs of one engine. A blob is whole and checked before it gets its name here."""

    def __init__(self, root: str) -> None:
        self._root = os.path.join(root, "blobs", "sha256")

    def open(self) -> None:
        """Make the directory."""
        os.makedirs(self._root, 0o700, exist_ok=True)

    @property
    def directory(self) -> str:
        """Where the blobs lie, each named by the digits of its digest."""
        return self._root

    def path(self, digest: str) -> str:
        """The file of a blob, there or not."""
        return os.path.join(self._root, digest.removeprefix("sha256:"))

    def has(self, digest: str) -> bool:
        """Whether the blob is there."""
        return os.path.exists(self.path(digest))

    def all(self) -> list[str]:
        """The digests of all blobs."""
        return ["sha256:" + name for name in os.listdir(self._root)]

    def link(self, digest: str, size: int, path: str) -> bool:
        """Give a blob of `size` bytes a second name, which keeps it whatever is removed; False if it isn't there."""
        try:
            if os.stat(self.path(digest)).st_size != size:
                return False
            os.link(self.path(digest), path)
        except FileNotFoundError:
            return False
        return True

    def adopt(self, path: str, digest: str) -> None:
        """Take over the checked file `path` (of the same file system). A blob that is there already stays."""
        target = self.path(digest)
        if path != target and not os.path.exists(target):
            os.rename(path, target)

    def write(self, digest: str, data: bytes) -> None:
        """Add a small blob from memory."""
        target = self.path(digest)
        if not os.path.exists(target):
            with open(target + ".new", "wb") as file:
                file.write(data)
            os.rename(target + ".new", target)

    def read(self, digest: str) -> bytes:
        """A small blob's bytes."""
        with open(self.path(digest), "rb") as file:
            return file.read()

    def remove(self, digest: str) -> None:
        """Delete a blob; none is fine."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path(digest))
