"""Recognise and undo the compressions an archive or a layer may have, in bounded steps.

gzip goes through ISA-L and zstd through libzstd: `docs/decisions/0002-compression.md` has the figures.
"""

from __future__ import annotations

import asyncio
import bz2
import lzma
from collections.abc import AsyncIterator, Iterator
from typing import Protocol, cast

from backports.zstd import ZstdDecompressor, ZstdError
from isal import igzip_lib

from restd.errors import InvalidParameter

STEP = 1 << 20
"""Bytes that one step of a decoder gives at most: a small input can not fill the memory."""

_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
)
LONGEST_MAGIC = 6
_XZ_MEMORY = 256 << 20
_ISAL_ERROR = cast(type[Exception], igzip_lib.IsalError)  # the library's stub calls it an instance
_ERRORS = (_ISAL_ERROR, ZstdError, lzma.LZMAError, OSError, EOFError, ValueError)


class _Machine(Protocol):
    """What all the decompressors have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def recognise(head: bytes) -> str:
    """`gzip`, `zstd`, `bzip2`, `xz` or `plain` by the first `LONGEST_MAGIC` bytes. Zstd's skippable frames count."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if len(head) >= 4 and head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F:
        return "zstd"
    return "plain"


def _machine(compression: str) -> _Machine:
    if compression == "gzip":
        machine: _Machine = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        return machine
    if compression == "zstd":
        return ZstdDecompressor()
    if compression == "bzip2":
        return bz2.BZ2Decompressor()
    if compression == "xz":
        return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
    raise ValueError(f"unknown compression {compression}")


class Decoder:
    """One compressed stream. `feed` gives what each piece decodes to; `finish` checks that the stream was whole.

    Several members behind one another count as one stream, as gzip(1) and zstd(1) have it; zeros behind the last are
    padding. Raises InvalidParameter for damaged or cut data.
    """

    def __init__(self, compression: str) -> None:
        self._name = compression
        self._machine = None if compression == "plain" else _machine(compression)
        self._padding = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The next pieces; compressed input gives at most `STEP` bytes in each."""
        if self._machine is None:
            if data:
                yield data
            return
        try:
            yield from self._decode(data)
        except _ERRORS as error:
            raise InvalidParameter(f"invalid {self._name} data: {error}") from error

    def _decode(self, data: bytes) -> Iterator[bytes]:
        assert self._machine is not None
        while data:
            if self._machine.eof:
                data = data.lstrip(b"\0")
                if not data:
                    self._padding = True
                    return
                if self._padding:
                    raise ValueError("garbage behind the end of the stream")
                self._machine = _machine(self._name)
            while not self._machine.eof:
                if piece := self._machine.decompress(data, STEP):
                    yield piece
                data = b""
                if not self._machine.eof and self._machine.needs_input:
                    return
            data = self._machine.unused_data

    def finish(self) -> None:
        """The input has ended: InvalidParameter if the stream has not."""
        if self._machine is not None and not self._machine.eof:
            raise InvalidParameter(f"invalid {self._name} data: unexpected end of stream")


async def decompressed(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The stream as it was before it was compressed, if it is; the work is done in threads, piece by piece."""
    head = b""
    async for data in stream:
        head += data
        if len(head) >= LONGEST_MAGIC:
            break
    compression = recognise(head)
    if compression == "plain":
        if head:
            yield head
        async for data in stream:
            yield data
        return
    decoder = Decoder(compression)
    pieces = decoder.feed(head)
    while True:
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece
        try:
            pieces = decoder.feed(await anext(stream))
        except StopAsyncIteration:
            break
    decoder.finish()
