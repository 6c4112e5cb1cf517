"""Reading and writing inside file trees that containers have a say in: always by a chrooted child (`tree_child.py`)."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from restd.errors import Forbidden, InvalidParameter, NotFound, SystemFailure

_CHILD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tree_child.py")
_READ = 1 << 20
_LONGEST_ANSWER = 256 << 20
_NOISE = 2000


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree to work in: a folder, or `/proc/PID/root`; `mounts` are (source, destination) to see in it."""

    root: str
    mounts: tuple[tuple[str, str], ...] = ()

    def request(self, verb: str, **more: Any) -> dict[str, Any]:
        """What the child is asked."""
        return {"verb": verb, "root": self.root, "mounts": [list(pair) for pair in self.mounts], **more}


@dataclass(frozen=True, slots=True)
class PathStat:
    """What is at a path, in the form of Docker's archive API: `mode` as Go's os.FileMode, `mtime` in nanoseconds."""

    name: str
    size: int
    mode: int
    mtime: int
    link_target: str
    directory: bool


async def stat_path(tree: Tree, path: str) -> PathStat:
    """What is at `path`. NotFound if nothing is."""
    async with _running(tree.request("stat", path=path), path) as child:
        return _path_stat(await child.answer())


async def changes(tree: Tree, lowers: Sequence[str]) -> list[tuple[str, int]]:
    """What an overlayfs upper directory changes over `lowers`, uppermost first: (path, kind) as in `tree_child`."""
    async with _running(tree.request("changes", lowers=list(lowers)), "/") as child:
        return [(str(path), int(kind)) for path, kind in (await child.answer())["changes"]]


async def put(
    tree: Tree,
    path: str,
    stream: AsyncIterator[bytes],
    *,
    keep_kind: bool = False,
    owner: tuple[int, int] | None = None,
    mode: int | None = None,
    make: bool = False,
) -> None:
    """Unpack a plain tar at the directory `path`, made if it isn't there with `make`. See `tree_child.Extractor`.

    NotFound, or InvalidParameter for what is no directory or no archive.
    """
    given = list(owner) if owner else None
    request = tree.request("put", path=path, keep_kind=keep_kind, owner=given, mode=mode, make=make)
    async with _running(request, path, stdin=True) as child:
        await child.feed(stream)
        await child.answer()


async def digests(tree: Tree) -> dict[str, str]:
    """All paths of a build's context, without a leading slash, each with a text that changes with what is there."""
    async with _running(tree.request("digests"), "/") as child:
        found: dict[str, str] = (await child.answer())["digests"]
        return found


@contextlib.asynccontextmanager
async def reading(
    tree: Tree, verb: str, path: str = "/", base: str = "", *, follow: bool = False
) -> AsyncIterator[tuple[dict[str, Any], Child]]:
    """A tar of what is at `path` (`get`) or of everything (`export`, `pack`): the answer, and the child that writes."""
    async with _running(tree.request(verb, path=path, base=base, follow=follow), path) as child:
        yield await child.answer(), child


async def get(tree: Tree, path: str, base: str, *, follow: bool = False) -> tuple[PathStat, AsyncIterator[bytes]]:
    """What is at `path`, and a tar of it whose names begin with `base` (empty: the contents of a folder alone).

    A link at the end of the path is followed with `follow`. Close the iterator when done with it.
    """
    async with contextlib.AsyncExitStack() as stack:
        answer, child = await stack.enter_async_context(reading(tree, "get", path, base, follow=follow))
        return _path_stat(answer), _pieces(stack.pop_all(), child)


async def export(tree: Tree) -> AsyncIterator[bytes]:
    """A tar of everything. Close the iterator when done with it."""
    async with contextlib.AsyncExitStack() as stack:
        _, child = await stack.enter_async_context(reading(tree, "export"))
        return _pieces(stack.pop_all(), child)


async def _pieces(stack: contextlib.AsyncExitStack, child: Child) -> AsyncIterator[bytes]:
    async with stack:
        async for piece in child.chunks():
            yield piece


async def pack_layer(upper: str, path: str) -> tuple[str, int]:
    """Write an overlayfs upper directory as a layer to the new file `path`: its digest and size in bytes."""
    async with reading(Tree(upper), "pack") as (_, child):
        return await asyncio.shield(asyncio.to_thread(child.spool, path))


def _path_stat(answer: Mapping[str, Any]) -> PathStat:
    return PathStat(
        answer["name"], answer["size"], answer["mode"], answer["mtime"], answer["linkTarget"], answer["directory"]
    )


@contextlib.asynccontextmanager
async def _running(request: Mapping[str, Any], path: str, *, stdin: bool = False) -> AsyncIterator[Child]:
    child = await asyncio.to_thread(Child, request, path, stdin=stdin)
    try:
        yield child
    finally:
        await asyncio.shield(asyncio.to_thread(child.close))


class Child:
    """One child at work. What blocks here runs in threads; killing the child ends their waiting."""

    def __init__(self, request: Mapping[str, Any], path: str, *, stdin: bool) -> None:
        self._path = path
        self._held = b""
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-E", _CHILD, json.dumps(request)],
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"LC_ALL": "C.UTF-8"},
            cwd="/",
            bufsize=0,
        )
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, _READ)

    async def answer(self) -> dict[str, Any]:
        """The child's line. Raises the error it tells."""
        try:
            line = await asyncio.shield(asyncio.to_thread(self._line))
        except asyncio.CancelledError:
            self._process.kill()
            raise
        try:
            value: dict[str, Any] = json.loads(line)
        except ValueError:
            raise SystemFailure(f"the process that works in the file system failed: {self._noise()}") from None
        if (kind := value.get("error")) is None:
            return value
        text = str(value.get("text", ""))
        match kind:
            case "missing":
                raise NotFound(f"Could not find the file {self._path} in container")
            case "not-directory":
                raise InvalidParameter(text)
            case "conflict" | "invalid":
                raise InvalidParameter(text)
            case "read-only":
                raise Forbidden("container rootfs is marked read-only")
        raise SystemFailure(text)

    def _line(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while data := self._read():
            head, newline, rest = data.partition(b"\n")
            parts.append(head)
            size += len(head)
            if newline:
                self._held = rest
                break
            if size > _LONGEST_ANSWER:
                raise SystemFailure("the answer of the process that works in the file system has no end")
        return b"".join(parts)

    def _read(self) -> bytes:
        assert self._process.stdout is not None
        if self._held:
            held, self._held = self._held, b""
            return held
        return os.read(self._process.stdout.fileno(), _READ)

    async def chunks(self) -> AsyncIterator[bytes]:
        """What follows the line. SystemFailure if the child fails on the way."""
        while True:
            try:
                data = await asyncio.shield(asyncio.to_thread(self._read))
            except asyncio.CancelledError:
                self._process.kill()
                raise
            if not data:
                break
            yield data
        if await asyncio.to_thread(self._process.wait):
            raise SystemFailure(f"the archive broke off: {self._noise()}")

    def spool(self, path: str) -> tuple[str, int]:
        """Write what follows the line to a new file: its digest and size. Blocks."""
        digest, size = hashlib.sha256(), 0
        with open(path, "xb", buffering=0) as file:
            while data := self._read():
                digest.update(data)
                size += len(data)
                view = memoryview(data)
                while view:
                    view = view[file.write(view) :]
        if self._process.wait():
            raise SystemFailure(f"packing the layer failed: {self._noise()}")
        return "sha256:" + digest.hexdigest(), size

    async def feed(self, stream: AsyncIterator[bytes]) -> None:
        """Give the child the stream; one that wants no more says why in its answer."""
        assert self._process.stdin is not None
        try:
            async for data in stream:
                if not await asyncio.shield(asyncio.to_thread(self._write, data)):
                    break
        except BaseException:
            self._process.kill()
            raise
        self._process.stdin.close()

    def _write(self, data: bytes) -> bool:
        assert self._process.stdin is not None
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._process.stdin.fileno(), view) :]
        except BrokenPipeError:
            return False
        return True

    def _noise(self) -> str:
        assert self._process.stderr is not None
        return os.read(self._process.stderr.fileno(), 1 << 16).decode(errors="replace").strip()[-_NOISE:] or "no reason"

    def close(self) -> None:
        """End it, whatever it does. Blocks for a moment."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
