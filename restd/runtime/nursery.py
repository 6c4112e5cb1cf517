"""The daemon's side of the shims: the nursery that forks them, and a link to each one."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import logging
import os
import signal
import socket
import struct
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

from restd.errors import Conflict, SystemFailure
from restd.lib.processes import ENVIRONMENT, session_members
from restd.lib.sockets import short_path
from shim import protocol
from shim.protocol import Attach, Birth, Born, ExitRecord, News, Wait

log = logging.getLogger(__name__)

REQUEST_SECONDS = 10.0
"""How long a shim may take to answer a request; it answers at once unless it is stopped."""
NURSERY_SECONDS = 10.0
ENDING_SECONDS = 5.0
_SEND_BUFFER = 4 << 20
_REPLY_LIMIT = 64 << 10
_HEAP = {"MALLOC_TRIM_THRESHOLD_": str(1 << 20), "MALLOC_MMAP_THRESHOLD_": str(1 << 20)}
"""How much free memory a shim's heap keeps (mallopt(3)). With less, heavy output would make the heap grow and shrink
with every message, which costs more than the output itself; and left to itself glibc keeps some multiple of that."""
_START = "import sys; sys.path[:0] = sys.argv[3:]; from shim.nursery import main; main(sys.argv[1:3])"


class ShimGone(SystemFailure):
    """The shim is not there (any more): its exit record, if there is one, says how the process ended."""


class ShimRefused(Conflict):
    """The shim refused a request; the text is the reason from its attach-log.json."""


class ShimLink:
    """A living or former shim, known by its run-time folder.

    Making one costs nothing; `news` and `log_watch` hold a descriptor each while they are iterated.
    """

    def __init__(self, state: str) -> None:
        self.state = state
        self._closed = False
        self._waiting: asyncio.Future[None] | None = None

    def process(self) -> tuple[int, int]:
        """Pid and start time (clock ticks since boot) of the shim as it wrote them; ShimGone if it never did."""
        try:
            with open(f"{self.state}/{protocol.SHIM_PID_FILE}", "rb") as file:
                pid, start = file.read(64).split()
            return int(pid), int(start)
        except (OSError, ValueError) as error:
            raise ShimGone(f"no shim was started in {self.state}") from error

    def alive(self) -> bool:
        """Whether the shim's process still runs, and is not another one with its pid."""
        try:
            pid, start = self.process()
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read(4096).rpartition(b")")[2].split()
        except (ShimGone, OSError):
            return False
        return int(fields[19]) == start and fields[0] not in (b"Z", b"X")

    async def ended(self) -> bool:
        """Whether the shim, which has let go of its FIFO, has ended.

        The kernel closes a dying process's files before it shows the process as ended: it is given a moment.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + ENDING_SECONDS
        while self.alive():
            if self._closed or loop.time() > deadline:
                return False
            await asyncio.sleep(0.01)
        return True

    async def kill(self) -> None:
        """End a living shim whose container is not there yet, and what it has called: all of its session."""
        shim, _ = self.process()
        deadline = asyncio.get_running_loop().time() + ENDING_SECONDS
        while members := session_members(shim):
            if asyncio.get_running_loop().time() > deadline:
                log.error("%s: processes %s of its session do not end", self.state, members)
                return
            for pid in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.01)

    def read_exit_record(self) -> ExitRecord | None:
        """The exit record, or None if there is none yet. One that can't be read says `unknown`."""
        try:
            with open(f"{self.state}/{protocol.EXIT_RECORD}", "rb") as file:
                data = file.read(_REPLY_LIMIT)
                written = os.fstat(file.fileno()).st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            return protocol.decode(ExitRecord, data)
        except ValueError as error:
            return ExitRecord(None, written, unknown=f"the exit record can't be read: {error}")

    async def news(self) -> AsyncIterator[News]:
        """What the shim has to tell, the oldest unread line first. Ends when the shim is gone, or on `close`.

        What nobody has read is lost with the shim, but for the exit: that is told from its record then.
        """
        told = False
        async for news in self._lines():
            told = told or news.what == "exit"
            yield news
        if not told and not self._closed and self.read_exit_record() is not None:
            yield News("exit")

    async def _lines(self) -> AsyncIterator[News]:
        """The lines of the FIFO while the shim holds it open."""
        try:
            descriptor = os.open(
                f"{self.state}/{protocol.EXIT_FIFO}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
            )
        except OSError:
            return
        try:
            unfinished = b""
            while (data := await self._read(descriptor)) is not None:
                *lines, unfinished = (unfinished + data).split(b"\n")
                for line in lines:
                    try:
                        yield protocol.decode(News, line)
                    except ValueError:
                        log.warning("%s: not a line of news: %r", self.state, line[:200])
        finally:
            os.close(descriptor)

    async def request(self, op: str, fields: dict[str, Any] | None = None, fd: int | None = None) -> None:
        """Send one request, with a copy of the descriptor `fd`, and wait for the shim's yes.

        Raises ShimRefused with its reason, ShimGone if nobody answers. The caller keeps `fd`.
        """
        with await self._ask(op, fields or {}, fd):
            return

    async def log_watch(self) -> AsyncIterator[None]:
        """One item whenever the log has grown or was rotated, several in one; ends when the shim closes the log.

        The first item comes at once. Raises ShimRefused if there is no log, ShimGone.
        """
        loop = asyncio.get_running_loop()
        with await self._ask(protocol.OP_LOG_WATCH, {}, None) as connection:
            yield
            while True:
                try:
                    if not await loop.sock_recv(connection, 4096):
                        return
                except OSError:
                    return
                yield

    def close(self) -> None:
        """End `news`. The shim is not touched."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def _read(self, descriptor: int) -> bytes | None:
        """Bytes from the FIFO; None at its end or after `close`."""
        loop = asyncio.get_running_loop()
        while not self._closed:
            try:
                return os.read(descriptor, 4096) or None
            except BlockingIOError:
                pass
            self._waiting = loop.create_future()
            loop.add_reader(descriptor, self._wake)
            try:
                await self._waiting
            finally:
                loop.remove_reader(descriptor)
        return None

    async def _ask(self, op: str, fields: dict[str, Any], fd: int | None) -> socket.socket:
        """The connection after a yes; the shim's answer has been read from it."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                answer = await self._exchange(connection, op, fields, fd)
        except TimeoutError as error:
            connection.close()
            raise ShimGone(f"the shim of {self.state} does not answer") from error
        except OSError as error:
            connection.close()
            raise ShimGone(f"the shim of {self.state} is gone: {error}") from error
        except BaseException:
            connection.close()
            raise
        if answer == protocol.OK_REPLY:
            return connection
        connection.close()
        raise ShimRefused(self._last_refusal())

    async def _exchange(self, connection: socket.socket, op: str, fields: dict[str, Any], fd: int | None) -> int:
        loop = asyncio.get_running_loop()
        with short_path(self.state, protocol.ATTACH_SOCKET) as path:
            await loop.sock_connect(connection, path)
        message = json.dumps({**fields, "v": protocol.VERSION, "op": op}, separators=(",", ":")).encode() + b"\n"
        sent = 0
        if fd is not None:
            # a fresh connection's buffer is empty: a part at least goes at once, and the descriptor with it
            sent = socket.send_fds(connection, [message], [fd])
        if sent < len(message):  # to send nothing fails too, if the shim has answered and closed by now
            await loop.sock_sendall(connection, message[sent:])
        answer = b""
        while len(answer) < 4:
            data = await loop.sock_recv(connection, 4 - len(answer))
            if not data:
                raise ConnectionResetError("closed without an answer")
            answer += data
        return int(struct.unpack("i", answer)[0])

    def _last_refusal(self) -> str:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, IndexError):
            return _last_message(f"{self.state}/{protocol.ATTACH_LOG}")
        return "the shim refused the request"


class Nursery:
    """Starts the nursery process, asks it for shims, and starts it again if it has died.

    `state` is the daemon's folder for run-time state. `preamble`: Python statements that the process runs
    first; the tests use it to forbid things.
    """

    def __init__(self, state: str, preamble: str = "") -> None:
        self._state = state
        self._preamble = preamble
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._starting = asyncio.Lock()

    @property
    def pid(self) -> int:
        """The nursery's process id; 0 before `start`."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        """Start the process. Births may be asked for at once: they wait in the socket while it imports."""
        async with self._starting:
            await self._start()

    async def birth(
        self,
        state: str,
        attaches: Sequence[Attach],
        waits: Sequence[Wait],
        descriptors: Sequence[int],
        timeout: float,
    ) -> tuple[Born, ShimLink]:
        """Let a shim be born for the folder `state`, where `process.json` is.

        `descriptors`: the connections of the attaches, then of the waits; the shim gets copies, the caller keeps its
        own. Returns the shim's answer, which may be a refusal (`Born.ok`). Raises SystemFailure if there is none.
        """
        packet = protocol.encode(Birth(state, list(attaches), list(waits)))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{state}/{protocol.SHIM_PID_FILE}")  # of an earlier life
        with contextlib.suppress(OSError):  # it is there; or the folder is not, and the shim will say so
            os.mkfifo(f"{state}/{protocol.EXIT_FIFO}", 0o600)
        try:
            async with asyncio.timeout(timeout):
                data = await self._ask(packet, descriptors)
                if not data and not os.path.exists(f"{state}/{protocol.SHIM_PID_FILE}"):
                    log.warning("no shim was born for %s: the nursery is started again", state)
                    await self.close()
                    data = await self._ask(packet, descriptors)
        except TimeoutError as error:
            raise SystemFailure(f"no shim answered for {state} within {timeout:g} s") from error
        if not data:
            raise SystemFailure(f"the shim for {state} died{_last_words(state)}")
        return protocol.decode(Born, data), ShimLink(state)

    async def hire_keeper(self, state: str, descriptor: int) -> None:
        """Let a keeper of the state folder `state` be born; it gets a copy of `descriptor`, its connection."""
        await self._send(protocol.encode(Birth(state, keeper=True)), [descriptor])

    async def close(self) -> None:
        """Let the nursery end; the shims live on."""
        async with self._starting:
            await self._end()

    async def _ask(self, packet: bytes, descriptors: Sequence[int]) -> bytes:
        """Send a birth and wait for the shim's one packet; b"" if it or the nursery died without it."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            ours.setblocking(False)
            with theirs:
                await self._send(packet, [theirs.fileno(), *descriptors])
            try:
                return await asyncio.get_running_loop().sock_recv(ours, _REPLY_LIMIT)
            except ConnectionResetError:
                return b""

    async def _send(self, packet: bytes, descriptors: list[int]) -> None:
        """Send a birth, once more to a new nursery if the present one has died."""
        for attempt in (1, 2):
            if self._control is None or self._process is None or self._process.returncode is not None:
                await self.start()
            assert self._control is not None
            try:
                await _send_packet(self._control, packet, descriptors)
                return
            except (BrokenPipeError, ConnectionResetError) as error:
                log.warning("the shim nursery has died: %s", error)
                async with self._starting:
                    await self._end()
                if attempt == 2:
                    raise SystemFailure("the shim nursery dies as soon as it is started") from error
            except OSError as error:
                raise SystemFailure(f"the shim nursery can't be asked for a shim: {error}") from error

    async def _start(self) -> None:
        if self._process is not None and self._process.returncode is None and self._control is not None:
            return
        await self._end()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with contextlib.suppress(OSError):
            ours.setsockopt(socket.SOL_SOCKET, protocol.SO_SNDBUFFORCE, _SEND_BUFFER)
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *nursery_command(theirs.fileno(), self._state, self._preamble),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                cwd="/",
                env=ENVIRONMENT | _HEAP,
                start_new_session=True,
            )
        self._control = ours

    async def _end(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        process, self._process = self._process, None
        if process is not None:
            try:
                async with asyncio.timeout(NURSERY_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


def nursery_command(descriptor: int, state: str, preamble: str = "") -> list[str]:
    """The command line of a nursery that serves `descriptor` for the daemon whose run-time state is in `state`.

    The interpreter gets nothing from the environment or from site-packages but the folders that hold `shim` and
    prctl, so that nothing else can be imported into the process that all shims are copies of.
    """
    prctl = importlib.util.find_spec("prctl")
    if prctl is None or prctl.origin is None:
        raise SystemFailure("python-prctl is not installed; the shims need it")
    folders = [os.path.dirname(os.path.dirname(protocol.__file__)), os.path.dirname(prctl.origin)]
    return [sys.executable, "-I", "-S", "-E", "-c", preamble + _START, str(descriptor), state, *dict.fromkeys(folders)]


async def _send_packet(control: socket.socket, packet: bytes, descriptors: list[int]) -> None:
    """Send one packet, waiting for room while the nursery is busy, NURSERY_SECONDS at most."""
    async with asyncio.timeout(NURSERY_SECONDS):
        while True:
            try:
                socket.send_fds(control, [packet], descriptors)
                return
            except BlockingIOError:
                await asyncio.sleep(0.001)


def _last_words(state: str) -> str:
    """The last line of shim-log.json, for an error message."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, IndexError):
        return f": {_last_message(f'{state}/{protocol.SHIM_LOG}')}"
    return ""


def _last_message(path: str) -> str:
    with open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _REPLY_LIMIT))
        return str(json.loads(file.read().splitlines()[-1])["msg"])
