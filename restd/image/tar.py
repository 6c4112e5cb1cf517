"""A lean reader of tar streams: ustar, GNU and PAX, sparse files included. Standard library only.

It exists beside `tarfile` because the unpacker lives on it: a layer of 20,000 files spends its time here. Names and
link targets are bytes, as the kernel takes them. Sources: POSIX pax(1), GNU tar manual ("Basic Tar Format", "Sparse
Formats"), libarchive tar(5).

The reader is sans-I/O towards its input: `Blocks` needs only a function that returns the next bytes.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # the unpacker starts once a layer: what only the type checker reads is not imported
    from collections.abc import Callable, Iterator

BLOCK = 512
CHUNK = 1 << 20
_LONGEST_EXTENSION = 1 << 20
_LONGEST_NAME = 4096
_MOST_SPARSE = 1 << 16
_MOST_GLOBALS = 1000
_XATTR = b"SCHILY.xattr."

REGULAR, HARD_LINK, SYMLINK, CHAR, BLOCK_DEVICE, DIRECTORY, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
_WITHOUT_DATA = (HARD_LINK, SYMLINK, CHAR, BLOCK_DEVICE, DIRECTORY, FIFO)


class InvalidArchive(Exception):
    """The stream is not a tar archive that can be taken; the text says why, for people."""


class Blocks:
    """Exact reads over `read(n)`, which returns at most n bytes and an empty value at the end."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._held: bytes = b""
        self._at = 0

    def _fill(self) -> bool:
        self._held, self._at = self._read(CHUNK), 0
        return bool(self._held)

    def take(self, count: int) -> bytes:
        """Exactly `count` bytes, or what is left before the end of the stream if that is less."""
        at = self._at
        if at + count <= len(self._held):
            self._at = at + count
            return self._held[at : at + count]
        parts, missing = [], count
        while missing:
            if self._at >= len(self._held) and not self._fill():
                break
            part = self._held[self._at : self._at + missing]
            self._at += len(part)
            missing -= len(part)
            parts.append(part)
        return b"".join(parts)

    def chunks(self, count: int) -> Iterator[bytes | memoryview]:
        """The next `count` bytes in pieces; InvalidArchive if the stream ends before."""
        while count:
            if self._at >= len(self._held) and not self._fill():
                raise InvalidArchive("unexpected end of archive")
            end = min(len(self._held), self._at + count)
            part = memoryview(self._held)[self._at : end]
            count -= len(part)
            self._at = end
            yield part

    def skip(self, count: int) -> None:
        """Read past `count` bytes; InvalidArchive if the stream ends before."""
        for _ in self.chunks(count):
            pass

    def drain(self) -> None:
        """Read to the end of the stream."""
        while self._fill():
            pass


class Entry:
    """One member. `kind` is one of the constants above, `size` the bytes stored, `sparse` (offset, length) pairs."""

    __slots__ = (
        "gid", "kind", "link", "major", "minor", "mode", "mtime",
        "name", "real_size", "size", "sparse", "uid", "xattrs",
    )  # fmt: skip

    def __init__(self, kind: bytes, name: bytes, size: int, mode: int = 0o644) -> None:
        self.kind, self.name, self.size, self.mode = kind, name, size, mode
        self.link = b""
        self.uid = self.gid = self.mtime = self.major = self.minor = 0
        self.real_size = size
        self.xattrs: dict[str, bytes] | None = None
        self.sparse: list[tuple[int, int]] | None = None


def _number(field: bytes) -> int:
    """An octal field, or GNU's base-256 form, which has the top bit set."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
        if field[0] & 0x40:
            raise InvalidArchive("invalid tar header: negative number")
        return value
    text = field.split(b"\0", 1)[0].strip(b" ")
    if not text:
        return 0
    try:
        value = int(text, 8)
    except ValueError:
        raise InvalidArchive("invalid tar header") from None
    if value < 0:
        raise InvalidArchive("invalid tar header: negative number")
    return value


def _signed_time(field: bytes) -> int:
    """The mtime field in seconds; base-256 may be negative (before 1970)."""
    if field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F | (field[0] & 0x40) << 1]) + field[1:], "big", signed=True)
    return _number(field)


def parse_header(block: bytes) -> Entry:
    """One 512-byte header without its extensions. InvalidArchive if the checksum or a number is wrong."""
    stored = _number(block[148:156])
    if sum(block) - sum(block[148:156]) + 256 != stored and _signed_sum(block) != stored:
        raise InvalidArchive("invalid tar header")
    name = block[:100].split(b"\0", 1)[0]
    kind = block[156:157]
    if block[257:263] == b"ustar\0":
        prefix = block[345:500].split(b"\0", 1)[0]
        if prefix:
            name = prefix + b"/" + name
    if kind in (b"\0", b"7"):
        kind = DIRECTORY if name.endswith(b"/") and kind == b"\0" else REGULAR
    entry = Entry(kind, name, _number(block[124:136]), _number(block[100:108]) & 0o7777)
    entry.link = block[157:257].split(b"\0", 1)[0]
    entry.uid, entry.gid = _number(block[108:116]), _number(block[116:124])
    entry.mtime = _signed_time(block[136:148]) * 1_000_000_000
    if kind in (CHAR, BLOCK_DEVICE):
        entry.major, entry.minor = _number(block[329:337]), _number(block[337:345])
    return entry


def _signed_sum(block: bytes) -> int:
    """The checksum that some old tars wrote: bytes as signed numbers."""
    plain = block[:148] + b" " * 8 + block[156:]
    return sum(byte - 256 if byte > 127 else byte for byte in plain)


def parse_pax(data: bytes) -> list[tuple[bytes, bytes]]:
    """The records of a PAX header, `LENGTH KEY=VALUE\\n` each, in order; InvalidArchive if one has not that form."""
    records = []
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 20)
        digits = data[at:space]
        if space < 0 or not digits.isdigit():
            if not data[at:].strip(b"\0"):
                break
            raise InvalidArchive("invalid tar header: malformed PAX record")
        end = at + int(digits)
        if end > len(data) or end <= space or data[end - 1 : end] != b"\n":
            raise InvalidArchive("invalid tar header: malformed PAX record")
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if not equals or not key:
            raise InvalidArchive("invalid tar header: malformed PAX record")
        records.append((key, value))
        at = end
    return records


def _decimal(value: bytes) -> int:
    if not value.isdigit() or len(value) > 19:
        raise InvalidArchive("invalid tar header: bad number in PAX record")
    return int(value)


def parse_pax_time(value: bytes) -> int:
    """A PAX time, decimal seconds with any fraction, in nanoseconds."""
    whole, _, fraction = value.partition(b".")
    negative = whole.startswith(b"-")
    digits = whole[1:] if negative else whole
    if not (digits.isdigit() or (not digits and fraction)) or len(digits) > 18 or (fraction and not fraction.isdigit()):
        raise InvalidArchive("invalid tar header: bad time in PAX record")
    nanoseconds = int(digits or b"0") * 1_000_000_000 + int(fraction[:9].ljust(9, b"0"))
    return -nanoseconds if negative else nanoseconds


class TarReader:
    """The members of a tar stream, one at a time: iterate, and read each one's data before the next."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._left = 0
        self._padding = 0
        self._global: list[tuple[bytes, bytes]] = []

    def __iter__(self) -> Iterator[Entry]:
        while (entry := self._next()) is not None:
            yield entry

    @property
    def blocks(self) -> Blocks:
        """The stream underneath: for a caller that copies data itself and then says so with `consumed`."""
        return self._blocks

    @property
    def left(self) -> int:
        """Bytes of the present member's data not read yet."""
        return self._left

    def consumed(self, count: int) -> None:
        """The caller took `count` bytes of the present member's data from `blocks`."""
        self._left -= count

    def data(self) -> Iterator[bytes | memoryview]:
        """The present member's data in pieces."""
        count, self._left = self._left, 0
        return self._blocks.chunks(count)

    def take(self, count: int) -> bytes:
        """Up to `count` bytes of the present member's data; InvalidArchive if the stream ends before."""
        count = min(count, self._left)
        data = self._blocks.take(count)
        if len(data) < count:
            raise InvalidArchive("unexpected end of archive")
        self._left -= count
        return data

    def _next(self) -> Entry | None:
        if self._left or self._padding:
            self._blocks.skip(self._left + self._padding)
            self._left = self._padding = 0
        extensions: dict[bytes, bytes] = {}
        while True:
            block = self._blocks.take(BLOCK)
            if not block.strip(b"\0"):
                if extensions or 0 < len(block) < BLOCK:
                    raise InvalidArchive("unexpected end of archive")
                return None
            if len(block) < BLOCK:
                raise InvalidArchive("unexpected end of archive")
            entry = parse_header(block)
            if entry.kind == b"g":
                self._global += parse_pax(self._extension(entry))
                if len(self._global) > _MOST_GLOBALS:
                    raise InvalidArchive("too many global PAX records")
            elif entry.kind in (b"L", b"K", b"x"):
                extensions[entry.kind] = self._extension(entry)
            else:
                break
        entry.name = extensions[b"L"].rstrip(b"\0") if b"L" in extensions else entry.name
        entry.link = extensions[b"K"].rstrip(b"\0") if b"K" in extensions else entry.link
        if self._global or b"x" in extensions:
            self._extend(entry, self._global + parse_pax(extensions.get(b"x", b"")))
        self._check(entry)
        if entry.kind in _WITHOUT_DATA:
            entry.size = 0  # a size here is a lie: old tars wrote the linked file's on hard links
        self._left, self._padding = entry.size, -entry.size % BLOCK
        if entry.kind == b"S":
            self._old_sparse(entry, block)
        elif entry.sparse is not None and entry.real_size < 0:
            self._sparse_map_in_data(entry)
        return entry

    def _extension(self, entry: Entry) -> bytes:
        if entry.size > _LONGEST_EXTENSION:
            raise InvalidArchive("invalid tar header: extension too long")
        data = self._blocks.take(entry.size + -entry.size % BLOCK)
        if len(data) < entry.size:
            raise InvalidArchive("unexpected end of archive")
        return data[: entry.size]

    @staticmethod
    def _check(entry: Entry) -> None:
        if len(entry.name) > _LONGEST_NAME or len(entry.link) > _LONGEST_NAME:
            raise InvalidArchive("name in archive is too long")
        if b"\0" in entry.name or b"\0" in entry.link:
            raise InvalidArchive("name in archive contains a NUL byte")
        if entry.uid >= 0xFFFFFFFF or entry.gid >= 0xFFFFFFFF or entry.size >= 1 << 62:
            raise InvalidArchive("number in tar header out of range")

    def _extend(self, entry: Entry, records: list[tuple[bytes, bytes]]) -> None:
        sparse: dict[bytes, bytes] = {}
        pairs: list[int] = []
        for key, value in records:
            if key == b"path":
                entry.name = value
            elif key == b"linkpath":
                entry.link = value
            elif key == b"size" and value:
                entry.size = entry.real_size = _decimal(value)
            elif key == b"uid" and value:
                entry.uid = _decimal(value)
            elif key == b"gid" and value:
                entry.gid = _decimal(value)
            elif key == b"mtime" and value:
                entry.mtime = parse_pax_time(value)
            elif key.startswith(_XATTR):
                if entry.xattrs is None:
                    entry.xattrs = {}
                entry.xattrs[key[len(_XATTR) :].decode("utf-8", "surrogateescape")] = value
            elif key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
                pairs.append(_decimal(value))
            elif key.startswith(b"GNU.sparse."):
                sparse[key[11:]] = value
        if sparse or pairs:
            self._extend_sparse(entry, sparse, pairs)

    @staticmethod
    def _extend_sparse(entry: Entry, sparse: dict[bytes, bytes], pairs: list[int]) -> None:
        """PAX sparse formats 0.0 (repeated records), 0.1 (one list) and 1.0 (the map is in the data)."""
        if b"name" in sparse:
            entry.name = sparse[b"name"]
        if sparse.get(b"major") == b"1":
            entry.sparse, entry.real_size = [], -1 - _decimal(sparse.get(b"realsize", b""))
            return
        if b"map" in sparse:
            pairs = [_decimal(number) for number in sparse[b"map"].split(b",") if number]
        entry.real_size = _decimal(sparse.get(b"realsize", sparse.get(b"size", b"")))
        entry.sparse = _checked_map(pairs, entry)

    def _sparse_map_in_data(self, entry: Entry) -> None:
        """Format 1.0: decimal lines, the count first, padded to a block, ahead of the file's bytes."""
        entry.real_size = -1 - entry.real_size
        text = b""
        numbers: list[bytes] = []
        while True:
            numbers = text.split(b"\n")[:-1]
            if numbers and len(numbers) > 2 * _decimal(numbers[0]):
                break
            if self._left < BLOCK or len(text) > _LONGEST_EXTENSION:
                raise InvalidArchive("invalid sparse map")
            text += self.take(BLOCK)
        pairs = [_decimal(number) for number in numbers[1 : 1 + 2 * _decimal(numbers[0])]]
        entry.size -= len(text)
        entry.sparse = _checked_map(pairs, entry)

    def _old_sparse(self, entry: Entry, block: bytes) -> None:
        """GNU's own sparse type: four pairs in the header, then blocks of 21 pairs each."""
        entry.kind, entry.real_size = REGULAR, _number(block[483:495])
        pairs: list[int] = []
        fields, more = block[386:482], block[482]
        while True:
            for at in range(0, len(fields), 24):
                if fields[at : at + 1] != b"\0" or fields[at + 12 : at + 13] != b"\0":
                    pairs += [_number(fields[at : at + 12]), _number(fields[at + 12 : at + 24])]
            if not more:
                break
            extension = self._blocks.take(BLOCK)
            if len(extension) < BLOCK or len(pairs) > 2 * _MOST_SPARSE:
                raise InvalidArchive("invalid sparse map")
            fields, more = extension[:504], extension[504]
        entry.sparse = _checked_map(pairs, entry)


def _checked_map(pairs: list[int], entry: Entry) -> list[tuple[int, int]]:
    """(offset, length) in order, inside the real size and exactly as long as the stored data."""
    parts = list(zip(pairs[::2], pairs[1::2], strict=False))
    end = 0
    for offset, length in parts:
        if offset < end or length > 1 << 62:
            raise InvalidArchive("invalid sparse map")
        end = offset + length
    total = sum(length for _, length in parts)
    if len(pairs) % 2 or len(parts) > _MOST_SPARSE or end > entry.real_size or total != entry.size:
        raise InvalidArchive("invalid sparse map")
    if entry.real_size >= 1 << 62:
        raise InvalidArchive("number in tar header out of range")
    return [part for part in parts if part[1]]
