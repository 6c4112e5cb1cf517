"""Run the unpacking child: decompress and hash here, untar there.

Both release the GIL for nearly all their time, so the event loop does not notice; the pipe between them lets
two cores work on one layer. An uncompressed blob goes to the child as it is.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from restd.errors import InvalidParameter, SystemFailure, Unavailable
from restd.image.compression import LONGEST_MAGIC, Decoder, recognise

_READ = 1 << 20
_PIPE = 1 << 20
_POLL = 0.25
_CHILD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "unpack_child.py")


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """What one layer may be at most: bytes of file data and number of entries."""

    size: int = 256 << 30
    entries: int = 5_000_000


@dataclass(frozen=True, slots=True)
class Watch:
    """How the outside follows a thread: `moved` hears the bytes of the blob read so far, `stop` ends it early."""

    moved: Callable[[int], None] = lambda _: None
    stop: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raises Unavailable once `stop` is set."""
        if self.stop.is_set():
            raise Unavailable("unpacking was cancelled")


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What came of a layer: the digest of its plain tar and the bytes of its files."""

    diff_id: str
    size: int


def unpack_blob(blob: str, target: str, limits: UnpackLimits, plain_digest: str | None, watch: Watch) -> Unpacked:
    """Unpack the file `blob` into the directory `target`. Blocks.

    `plain_digest` is the blob's own digest, if known: of an uncompressed layer it is the diff id already.
    Raises InvalidParameter for a bad layer, SystemFailure when the host fails, Unavailable when stopped.
    """
    with open(blob, "rb", buffering=0) as file:
        compression = recognise(file.read(LONGEST_MAGIC))
        file.seek(0)
        if compression == "plain" and plain_digest is not None:
            with _Child(target, limits, file.fileno()) as child:
                size = child.wait(watch)
            watch.moved(os.fstat(file.fileno()).st_size)
            return Unpacked(plain_digest, size)
        with _Child(target, limits, None) as child:
            diff_id = _decode(file.fileno(), compression, child.feed, watch)
            return Unpacked(diff_id, child.wait(watch))


def blob_diff_id(blob: str, watch: Watch) -> str:
    """The diff id of a blob, without unpacking it. Blocks. InvalidParameter if it does not decompress."""
    with open(blob, "rb", buffering=0) as file:
        compression = recognise(file.read(LONGEST_MAGIC))
        file.seek(0)
        return _decode(file.fileno(), compression, lambda _: None, watch)


def _decode(source: int, compression: str, sink: Callable[[bytes], None], watch: Watch) -> str:
    decoder, digest, done = Decoder(compression), hashlib.sha256(), 0
    while data := os.read(source, _READ):
        watch.check()
        for piece in decoder.feed(data):
            digest.update(piece)
            sink(piece)
        done += len(data)
        watch.moved(done)
    decoder.finish()
    return "sha256:" + digest.hexdigest()


class _Child:
    """One unpacking process. It ends with its context, whatever happens."""

    def __init__(self, target: str, limits: UnpackLimits, source: int | None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-E", _CHILD, target, str(limits.size), str(limits.entries)],
            stdin=subprocess.PIPE if source is None else source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"LC_ALL": "C.UTF-8"},
            cwd="/",
            bufsize=0,
        )
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._process.stdin.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def feed(self, data: bytes) -> None:
        """Write plain tar bytes to it. A child that has ended tells why in `wait`: no error here."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            view = memoryview(data)
            while view:
                view = view[os.write(self._process.stdin.fileno(), view) :]

    def wait(self, watch: Watch) -> int:
        """The bytes it unpacked; InvalidParameter or SystemFailure with its own reason."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        while True:
            try:
                self._process.wait(_POLL)
                break
            except subprocess.TimeoutExpired:
                watch.check()
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        output = os.read(self._process.stdout.fileno(), 1 << 16).decode(errors="replace")
        kind, _, text = output.partition(" ")
        if kind == "ok":
            return int(text.split()[1])
        if kind == "invalid":
            raise InvalidParameter(f"invalid layer: {text}")
        if kind == "system":
            raise SystemFailure(f"cannot unpack layer: {text}")
        noise = os.read(self._process.stderr.fileno(), 4096).decode(errors="replace").strip()
        raise SystemFailure(f"the unpacking process failed ({self._process.returncode}): {noise[-500:]}")
