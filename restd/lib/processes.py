"""Run a short program to its end: its exit code and what it wrote, under a time limit, without a thread.

posix_spawn(3) shares the caller's memory until the exec, so a large daemon pays no more than a small one; a pidfd
(pidfd_open(2)) tells the event loop of the end. Input and output go through memory files or pipes of bounded size.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass

OUTPUT_LIMIT = 1 << 20
_REAP_SECONDS = 1.0
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
"""What a program gets unless told otherwise. The daemon's own environment stays out: `NOTIFY_SOCKET` and
`LISTEN_FDS`, for two, would make a runtime speak to the daemon's own service manager."""


class ProgramTimeout(Exception):
    """The program did not end within its limit and was killed."""


@dataclass(frozen=True, slots=True)
class Completed:
    """How a program ended: `code` is its exit code, or minus the signal that killed it."""

    code: int
    stdout: bytes
    stderr: bytes


def parent_of(pid: int) -> int:
    """The parent's process id; 0 if there is no such process. Source: proc_pid_stat(5)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read(4096).rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


async def run(
    arguments: Sequence[str],
    seconds: float,
    *,
    stdin: bytes = b"",
    environment: dict[str, str] | None = None,
    limit: int = OUTPUT_LIMIT,
) -> Completed:
    """Run `arguments` (the first is the program, looked up in PATH if it has no slash) in its own session.

    Of each output `limit` bytes are kept, the rest is read and dropped. What a grandchild writes after the program's
    own end is not waited for. Raises OSError if it can't be executed, ProgramTimeout after `seconds`; then, and when
    the caller is cancelled, the program and its children are killed.
    """
    process = _Process(arguments, stdin, ENVIRONMENT if environment is None else environment, limit)
    try:
        try:
            async with asyncio.timeout(seconds):
                await process.ended.wait()
        except TimeoutError:
            await process.kill()
            raise ProgramTimeout(f"{os.path.basename(arguments[0])} did not end within {seconds:g} s") from None
        return process.completed()
    finally:
        process.close()


class _Process:
    """A running child: two pipes and a pidfd on the event loop."""

    def __init__(self, arguments: Sequence[str], stdin: bytes, environment: dict[str, str], limit: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._code: int | None = None
        self._kept: dict[int, bytearray] = {}
        self.ended = asyncio.Event()
        self._closed = False
        out, out_end = os.pipe2(os.O_CLOEXEC)
        err, err_end = os.pipe2(os.O_CLOEXEC)
        given = _input(stdin)
        try:
            self._pid = os.posix_spawnp(
                arguments[0],
                list(arguments),
                environment,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, given, 0),
                    (os.POSIX_SPAWN_DUP2, out_end, 1),
                    (os.POSIX_SPAWN_DUP2, err_end, 2),
                ],
                setsid=True,
                setsigmask=(),
                setsigdef=(signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD),
            )
        except BaseException:
            os.close(out)
            os.close(err)
            raise
        finally:
            for descriptor in (given, out_end, err_end):
                os.close(descriptor)
        self._pidfd = os.pidfd_open(self._pid)
        self._out, self._err = out, err
        for descriptor in (out, err):
            os.set_blocking(descriptor, False)
            self._kept[descriptor] = bytearray()
            self._loop.add_reader(descriptor, self._read, descriptor)
        self._loop.add_reader(self._pidfd, self._reap)

    def _read(self, descriptor: int) -> bool:
        """Take what is there; False at the end, or when there is nothing now."""
        try:
            data = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return False
        if not data:
            self._loop.remove_reader(descriptor)
            return False
        kept = self._kept[descriptor]
        kept += data[: self._limit - len(kept)]
        return True

    def _reap(self) -> None:
        self._loop.remove_reader(self._pidfd)
        _, status = os.waitpid(self._pid, 0)
        self._code = os.waitstatus_to_exitcode(status)
        self.ended.set()
        if self._closed:
            self._close_descriptors()

    def completed(self) -> Completed:
        """The result; what is still in the pipes is read first."""
        assert self._code is not None
        for descriptor in (self._out, self._err):
            rounds = 2 + (self._limit >> 16)
            while rounds and self._read(descriptor):
                rounds -= 1
        return Completed(self._code, bytes(self._kept[self._out]), bytes(self._kept[self._err]))

    async def kill(self) -> None:
        """KILL, and wait a little for the end; what the kernel can't end at once is reaped later by the loop."""
        self._send_kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REAP_SECONDS):
                await self.ended.wait()

    def _send_kill(self) -> None:
        """KILL, for its own children too: it has a session of its own, and has not been reaped yet."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)

    def close(self) -> None:
        """Let go. A program that still runs is killed; the loop reaps it when the kernel is done with it."""
        self._closed = True
        for descriptor in (self._out, self._err):
            self._loop.remove_reader(descriptor)
        if self._code is None:
            self._send_kill()
        else:
            self._close_descriptors()

    def _close_descriptors(self) -> None:
        for descriptor in (self._out, self._err, self._pidfd):
            os.close(descriptor)


def _input(stdin: bytes) -> int:
    """A descriptor to read `stdin` from."""
    if not stdin:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    descriptor = os.memfd_create("stdin", os.MFD_CLOEXEC)
    os.write(descriptor, stdin)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def session_members(leader: int) -> list[int]:
    """The processes of the session that `leader` has begun, it first if it lives. Source: proc_pid_stat(5)."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read(4096).rpartition(b")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] not in (b"Z", b"X"):
            found.append(int(name))
    return sorted(found, key=lambda pid: pid != leader)
