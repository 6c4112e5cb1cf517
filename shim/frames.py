"""Docker's multiplexed stream framing (no TTY): eight bytes of header, then the payload. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator

HEADER_SIZE = 8
FRAME_LIMIT = 256 << 10
"""Largest payload written in one frame.

A Go copy loop makes 32 KiB. Frames get larger than 64 KiB only where that much waits in the pipe and is spliced: then
a header for each 256 KiB is as fast as none at all (64 KiB: a third slower). Clients stand it: Go's stdcopy grows its
buffer to a frame's size, docker-py reads by length, docker-modem concatenates few pieces.
"""
_HEADER = struct.Struct(">BxxxI")


def header(stream: int, size: int) -> bytes:
    """The header of a frame of `size` payload bytes of STREAM type `stream`. Size 0 is never sent."""
    return _HEADER.pack(stream, size)


def parts(stream: int, chunk: bytes) -> Iterator[bytes | memoryview]:
    """`chunk` as alternating headers and payloads, none empty, none over FRAME_LIMIT; nothing is copied."""
    size = len(chunk)
    if 0 < size <= FRAME_LIMIT:
        yield header(stream, size)
        yield chunk
        return
    view = memoryview(chunk)
    for start in range(0, size, FRAME_LIMIT):
        piece = view[start : start + FRAME_LIMIT]
        yield header(stream, len(piece))
        yield piece


def parse(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The complete frames at the start of `data` as (stream, payload), and the rest that is not a whole frame yet."""
    found: list[tuple[int, bytes]] = []
    position = 0
    while len(data) - position >= HEADER_SIZE:
        stream, size = _HEADER.unpack_from(data, position)
        end = position + HEADER_SIZE + size
        if end > len(data):
            break
        found.append((stream, data[position + HEADER_SIZE : end]))
        position = end
    return found, data[position:]
