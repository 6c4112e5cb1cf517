"""The small files of a shim's run-time folder. The shim's working directory is that folder, so names are relative."""

from __future__ import annotations

import contextlib
import json
import os
import time

from shim import protocol
from shim.protocol import ExitRecord

_LOG_LIMIT = 64 << 10
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
_MORE = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


def write(path: str, data: bytes, *, sync: bool = False) -> None:
    """Write a file of mode 0600; with `sync` it is on disk on return."""
    descriptor = os.open(path, _NEW, 0o600)
    try:
        os.write(descriptor, data)
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: str, limit: int) -> bytes:
    """The beginning of a file: `limit` bytes at most."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, limit)
    finally:
        os.close(descriptor)


def read_text(path: str, limit: int = 16384) -> str:
    """The beginning of a text file, as of /proc."""
    return read(path, limit).decode("utf-8", "replace")


def write_record(record: ExitRecord, *, sync: bool) -> None:
    """Write the exit record so that it is there as a whole or not at all; with `sync` also after a power cut."""
    temporary = f"{protocol.EXIT_RECORD}.new"
    write(temporary, protocol.encode(record), sync=sync)
    os.rename(temporary, protocol.EXIT_RECORD)


def start_time(pid: int) -> int:
    """Field 22 of /proc/PID/stat, in clock ticks since boot: with the pid it names a process for good."""
    return int(read_text(f"/proc/{pid}/stat").rpartition(")")[2].split()[19])


def clear() -> None:
    """Clear away what an earlier life in the same folder has left."""
    for name in (protocol.EXIT_RECORD, protocol.PID_FILE, protocol.RUNTIME_LOG):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def introduce(shim: int) -> int:
    """Say who the shim is; its start time."""
    start = start_time(shim)
    write(protocol.SHIM_PID_FILE, b"%d %d\n" % (shim, start))
    return start


def open_exit_fifo() -> int:
    """The FIFO for news, which the daemon has made, open both ways: a write never blocks or misses a reader."""
    return os.open(protocol.EXIT_FIFO, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)


def note(error: BaseException | str, log: str = protocol.SHIM_LOG) -> None:
    """Append a line to shim-log.json, or another log."""
    text = error if isinstance(error, str) else f"{type(error).__name__}: {error}{_where(error)}"
    _append(log, text)


def note_refusal(reason: str) -> None:
    """Append a line to attach-log.json."""
    _append(protocol.ATTACH_LOG, reason)


def _append(path: str, text: str) -> None:
    """One JSON line more; the file begins anew when it has become long. A folder that is gone is no error."""
    line = json.dumps({"time": time.time_ns(), "level": "error", "msg": text}).encode() + b"\n"
    with contextlib.suppress(OSError):
        descriptor = os.open(path, _MORE, 0o600)
        try:
            if os.fstat(descriptor).st_size > _LOG_LIMIT:
                os.ftruncate(descriptor, 0)
            os.write(descriptor, line)
        finally:
            os.close(descriptor)


def _where(error: BaseException) -> str:
    """File and line of each frame; without `traceback`, which reads source files that may have been replaced."""
    places = []
    frame = error.__traceback__
    while frame is not None:
        places.append(f"{os.path.basename(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno}")
        frame = frame.tb_next
    return f" ({' '.join(places)})" if places else ""
