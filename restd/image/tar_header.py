"""Headers of tar members, made fast and with little: ustar, GNU for long names, PAX for attributes. Pure.

For the process that packs trees (`tree_child.py`): it has neither the time to import `tarfile` nor to make its objects.
Sources: POSIX pax(1); GNU tar manual, "Basic Tar Format"; `SCHILY.xattr.` as libarchive and Go's archive/tar have it.
"""

from __future__ import annotations

BLOCK = 512
END = bytes(2 * BLOCK)
REGULAR, HARD_LINK, SYMLINK, CHAR, BLOCK_DEVICE, DIRECTORY, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
_PAX, _LONG_NAME, _LONG_LINK = b"x", b"L", b"K"
_FIELD = 100


def padding(size: int) -> bytes:
    """What follows `size` bytes of data."""
    return bytes(-size % BLOCK)


def header(
    kind: bytes,
    name: bytes,
    *,
    mode: int = 0o644,
    uid: int = 0,
    gid: int = 0,
    size: int = 0,
    mtime: int = 0,
    link: bytes = b"",
    device: tuple[int, int] = (0, 0),
    xattrs: dict[str, bytes] | None = None,
) -> bytes:
    """Everything that goes before the data of a member. `mtime` in seconds; `device` is (major, minor)."""
    before = b""
    if xattrs:
        records = [_record(b"SCHILY.xattr." + key.encode("utf-8", "surrogateescape"), xattrs[key]) for key in xattrs]
        if len(name) > _FIELD:
            records.append(_record(b"path", name))
        if len(link) > _FIELD:
            records.append(_record(b"linkpath", link))
        body = b"".join(records)
        before = _block(_PAX, b"PaxHeaders.0/" + name[-80:], 0o644, 0, 0, len(body), 0, b"", (0, 0))
        before += body + padding(len(body))
    else:
        if len(link) > _FIELD:
            before += _long(_LONG_LINK, link)
        if len(name) > _FIELD:
            before += _long(_LONG_NAME, name)
    return before + _block(kind, name[:_FIELD], mode, uid, gid, size, mtime, link[:_FIELD], device)


def _long(kind: bytes, text: bytes) -> bytes:
    body = text + b"\0"
    return _block(kind, b"././@LongLink", 0o644, 0, 0, len(body), 0, b"", (0, 0)) + body + padding(len(body))


def _record(key: bytes, value: bytes) -> bytes:
    """`LENGTH KEY=VALUE\\n`, where LENGTH counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %b=%b\n" % (length, key, value)


def _number(value: int, width: int) -> bytes:
    """Octal, or base-256 for what octal has no room for."""
    if 0 <= value < 8 ** (width - 1):
        return b"%0*o\0" % (width - 1, value)
    return ((1 << (8 * width - 1)) | (value & ((1 << (8 * width - 1)) - 1))).to_bytes(width, "big")


def _block(
    kind: bytes,
    name: bytes,
    mode: int,
    uid: int,
    gid: int,
    size: int,
    mtime: int,
    link: bytes,
    device: tuple[int, int],
) -> bytes:
    numbers = (_number(mode, 8), _number(uid, 8), _number(gid, 8), _number(size, 12), _number(mtime, 12))
    front = name.ljust(_FIELD, b"\0") + b"".join(numbers)
    back = kind + link.ljust(_FIELD, b"\0") + b"ustar\x0000" + bytes(64)
    back += _number(device[0], 8) + _number(device[1], 8) + bytes(167)
    total = sum(front) + sum(back) + 8 * 32
    return front + b"%06o\0 " % total + back
