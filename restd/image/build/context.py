"""A build's context: the files that came with the request, in a folder of their own.

They are unpacked, read and hashed by a child that is chrooted into the folder; what `.dockerignore` names is gone
before anything looks.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import shutil
from collections.abc import AsyncIterator, Sequence

from restd.errors import InvalidParameter, NotFound
from restd.image.build.dockerfile import LONGEST
from restd.image.build.ignore import Ignore, matching, parse_ignore
from restd.image.compression import decompressed
from restd.image.tree import Tree, digests, put
from restd.lib.inside import open_inside

_MOST_FILES = 5_000_000


class Context:
    """The files. `digests` has all their paths."""

    def __init__(self, folder: str, found: dict[str, str]) -> None:
        self._folder = folder
        self._digests = found

    @classmethod
    async def unpack(cls, folder: str, stream: AsyncIterator[bytes]) -> Context:
        """Take an archive, compressed or not. InvalidParameter if it is none."""
        os.makedirs(folder, 0o700)
        await put(Tree(folder), "/", decompressed(stream))
        return cls(folder, {})

    @property
    def tree(self) -> Tree:
        """The files, to be read by a child."""
        return Tree(self._folder)

    def open(self, path: str) -> int:
        """A descriptor of a file; OSError if it isn't there."""
        return open_inside(self._folder, path)

    def read(self, path: str) -> bytes:
        """A small file. NotFound if it isn't there."""
        try:
            descriptor = open_inside(self._folder, path)
        except OSError:
            raise NotFound(f"Cannot locate specified Dockerfile: {path}") from None
        with os.fdopen(descriptor, "rb") as file:
            return file.read(LONGEST + 1)

    async def settle(self, dockerfile: str) -> None:
        """Apply `.dockerignore` (or DOCKERFILE.dockerignore), then look at what is left."""
        for name in (f"{dockerfile}.dockerignore", ".dockerignore"):
            try:
                rules = parse_ignore(self.read(name))
            except NotFound:
                continue
            _clear(self._folder, rules)
            break
        self._digests = await digests(self.tree)

    def sources(self, pattern: str) -> list[str]:
        """The paths that a COPY or ADD source means; InvalidParameter if there is none."""
        clean = posixpath.normpath("/" + pattern).lstrip("/")
        if not clean:
            return ["."]
        if not any(char in pattern for char in "*?[\\"):
            return [clean]
        found = matching(pattern, list(self._digests))
        if not found:
            raise InvalidParameter(f"no source files were specified: {pattern}")
        return found

    def has(self, path: str) -> bool:
        """Whether there is something at the path itself."""
        return path == "." or path in self._digests

    def digest(self, paths: Sequence[str]) -> str:
        """A text that changes with what is at the paths; a link on the way makes it that of the whole context."""
        digest = hashlib.sha256()
        for path in paths:
            whole = path == "." or path not in self._digests or self._digests[path].startswith("120000")
            below = path + "/"
            for name in sorted(self._digests):
                if whole or name == path or name.startswith(below):
                    digest.update(f"{name}\0{self._digests[name]}\0".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def _clear(folder: str, rules: Ignore) -> None:
    """Remove what does not count. Nobody else works in the folder, and links are not followed."""
    for here, folders, files in os.walk(folder, topdown=False):
        relative = os.path.relpath(here, folder)
        base = "" if relative == "." else relative + "/"
        for name in files:
            if rules.excludes(base + name):
                os.unlink(os.path.join(here, name))
        for name in folders:
            path = os.path.join(here, name)
            if not rules.excludes(base + name):
                continue
            if os.path.islink(path):
                os.unlink(path)
            elif not rules.takes_back:
                shutil.rmtree(path)
            elif not os.listdir(path):
                os.rmdir(path)
