"""Take an archive off the wire: members to temporary files, each with its digest, in constant memory.

The event loop hands pieces to a `Feed`; one thread decompresses, splits the tar, hashes and writes. Links inside the
archive are kept as names and followed only within it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from restd.errors import InvalidParameter, SystemFailure, Unavailable
from restd.image.compression import LONGEST_MAGIC, Decoder, recognise
from restd.image.references import is_digest
from restd.image.tar import DIRECTORY, HARD_LINK, REGULAR, SYMLINK, Blocks, Entry, InvalidArchive, TarReader

_HELD = 8 << 20
_MOST_MEMBERS = 100_000
_BLOBS = "blobs/sha256/"


class Feed:
    """Bytes on their way from the event loop to one reading thread, `_HELD` bytes at most."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Event()
        self._ready = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._ended = False
        self._error: BaseException | None = None
        self._abandoned = False

    async def put(self, data: bytes) -> bool:
        """Hand `data` over, when there is room; False if the reader does not want any more."""
        while self._held >= _HELD and not self._abandoned:
            self._room.clear()
            if self._held >= _HELD and not self._abandoned:
                await self._room.wait()
        with self._ready:
            self._pieces.append(data)
            self._held += len(data)
            self._ready.notify()
        return not self._abandoned

    def end(self, error: BaseException | None = None) -> None:
        """No more bytes: the stream is complete, or broken by `error`, which the reader then raises."""
        with self._ready:
            self._ended, self._error = True, error
            self._ready.notify()

    def get(self) -> bytes:
        """In the thread: what has come, or an empty value at the end."""
        with self._ready:
            while not self._pieces and not self._ended:
                self._ready.wait()
            if self._error is not None:
                raise self._error
            if not self._pieces:
                return b""
            data = self._pieces.popleft() if len(self._pieces) == 1 else b"".join(self._pieces)
            self._pieces.clear()
            self._held = 0
        self._loop.call_soon_threadsafe(self._room.set)
        return data

    def abandon(self) -> None:
        """In the thread: nothing more will be read."""
        with self._ready:
            self._abandoned = True
            self._pieces.clear()
        self._loop.call_soon_threadsafe(self._room.set)


def decoded(feed: Feed) -> Iterator[bytes]:
    """The feed's bytes, decompressed if they are compressed."""
    head = b""
    while len(head) < LONGEST_MAGIC and (data := feed.get()):
        head += data
    decoder = Decoder(recognise(head))
    yield from decoder.feed(head)
    while data := feed.get():
        yield from decoder.feed(data)
    decoder.finish()


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the archive: where it lies, its digest and size."""

    path: str
    digest: str
    size: int


@dataclass(slots=True)
class Spool:
    """Everything that came: `members` by name; `links` from name to name, both relative to the archive's root."""

    directory: str
    members: dict[str, Member]
    links: dict[str, str]

    def find(self, name: str) -> Member | None:
        """The file `name` means, links followed within the archive; None if there is none."""
        for _ in range(40):
            if (member := self.members.get(name)) is not None:
                return member
            if (name := self._follow(name)) == "":
                return None
        raise InvalidParameter("invalid archive: too many links")

    def _follow(self, name: str) -> str:
        """`name` with its first link component replaced; empty if it has none."""
        parts = name.split("/")
        for count in range(1, len(parts) + 1):
            if (target := self.links.get("/".join(parts[:count]))) is not None:
                return "/".join([target, *parts[count:]])
        return ""

    def read(self, member: Member, most: int) -> bytes:
        """The bytes of a small member; InvalidParameter over `most`."""
        if member.size > most:
            raise InvalidParameter(f"invalid archive: metadata of {member.size} bytes")
        with open(member.path, "rb") as file:
            return file.read()


def member_name(raw: bytes) -> str:
    """A member's name, cleaned; InvalidParameter for one that is absolute, climbs out or is not text."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidParameter(f"invalid archive: name {raw!r} is not UTF-8") from None
    if text.startswith("/"):
        raise InvalidParameter(f"invalid archive: absolute name {text!r}")
    parts: list[str] = []
    for part in text.split("/"):
        if part == "..":
            if not parts:
                raise InvalidParameter(f"invalid archive: name {text!r} leads out of the archive")
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


class Spooler:
    """Fills one spool. `run` blocks: it is the thread's work."""

    def __init__(self, directory: str, blobs: str, limit: int) -> None:
        self._spool = Spool(directory, {}, {})
        self._blobs = blobs
        self._left = limit
        self._stop = threading.Event()

    def stop(self) -> None:
        """End soon, with Unavailable."""
        self._stop.set()

    def run(self, feed: Feed) -> Spool:
        """Read to the end of the stream. Raises InvalidParameter for what is not a proper archive."""
        pieces = decoded(feed)
        try:
            reader = TarReader(Blocks(lambda _: next(pieces, b"")))
            count = 0
            for entry in reader:
                count += 1
                if count > _MOST_MEMBERS:
                    raise InvalidParameter(f"invalid archive: more than {_MOST_MEMBERS} members")
                self._take(entry, reader)
            reader.blocks.drain()
            if not count:
                raise InvalidParameter("invalid archive: it is empty")
        except InvalidArchive as error:
            raise InvalidParameter(f"invalid archive: {error}") from error
        except OSError as error:
            raise SystemFailure(f"cannot store the archive: {error}") from error
        finally:
            feed.abandon()
        return self._spool

    def _take(self, entry: Entry, reader: TarReader) -> None:
        name = member_name(entry.name)
        if entry.kind == DIRECTORY:
            return
        if entry.kind in (SYMLINK, HARD_LINK):
            link = entry.link.startswith(b"/") and entry.kind == SYMLINK
            if link:
                raise InvalidParameter(f"invalid archive: link {name!r} leads out of the archive")
            base = name.encode().rpartition(b"/")[0] + b"/" if "/" in name and entry.kind == SYMLINK else b""
            self._spool.links[name] = member_name(base + entry.link)
            return
        if entry.kind != REGULAR or entry.sparse is not None:
            raise InvalidParameter(f"invalid archive: {name!r} is not a plain file")
        if name in self._spool.members:
            raise InvalidParameter(f"invalid archive: {name!r} is in it twice")
        self._spool.members[name] = self._file(name, entry.size, reader)

    def _file(self, name: str, size: int, reader: TarReader) -> Member:
        self._left -= size
        if self._left < 0:
            raise InvalidParameter("invalid archive: it is too large")
        path = os.path.join(self._spool.directory, str(len(self._spool.members)))
        known = name.startswith(_BLOBS) and self._link(name[len(_BLOBS) :], size, path)
        digest = hashlib.sha256()
        descriptor = os.open("/dev/null" if known else path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            for piece in reader.data():
                if self._stop.is_set():
                    raise Unavailable("the load was cancelled")
                digest.update(piece)
                view = memoryview(piece)
                while view:
                    view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)
        found = digest.hexdigest()
        if name.startswith(_BLOBS) and found != name[len(_BLOBS) :]:
            raise InvalidParameter(f"invalid archive: {name} has the digest sha256:{found}")
        return Member(path, "sha256:" + found, size)

    def _link(self, digest: str, size: int, path: str) -> bool:
        """Give the blob a second name at `path`, if the store has it: then only its digest is still to be checked.

        The second name keeps it when a removal takes the first one away meanwhile.
        """
        blob = os.path.join(self._blobs, digest)
        try:
            if not is_digest("sha256:" + digest) or os.stat(blob).st_size != size:
                return False
            os.link(blob, path)
        except FileNotFoundError:
            return False
        return True


class FileSpooler:
    """Writes a stream to one file as it comes. `run` blocks: it is the thread's work."""

    def __init__(self, path: str, limit: int) -> None:
        self._path, self._limit = path, limit
        self._stop = threading.Event()

    def stop(self) -> None:
        """End soon, with Unavailable."""
        self._stop.set()

    def run(self, feed: Feed) -> Member:
        """The file that came. InvalidParameter if it is over the limit."""
        digest, size = hashlib.sha256(), 0
        try:
            with open(self._path, "xb", buffering=0) as file:
                while data := feed.get():
                    if self._stop.is_set():
                        raise Unavailable("the load was cancelled")
                    size += len(data)
                    if size > self._limit:
                        raise InvalidParameter("invalid archive: it is too large")
                    digest.update(data)
                    view = memoryview(data)
                    while view:
                        view = view[file.write(view) :]
        except OSError as error:
            raise SystemFailure(f"cannot store the archive: {error}") from error
        finally:
            feed.abandon()
        return Member(self._path, "sha256:" + digest.hexdigest(), size)
