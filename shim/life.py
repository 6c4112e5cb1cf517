"""A shim's life on one page: create, serve, exit record, farewell."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time

from shim import oom, process, protocol
from shim.attach import Attached, Client, FifoClient
from shim.control import Control, Refused, Request
from shim.detach import DetachKeys
from shim.jsonlog import Clock, Encoder
from shim.logfile import LogFile
from shim.loop import READ, Loop, Timer
from shim.protocol import Attach, Birth, Born, ExitRecord, News, ProcessSpec, Wait
from shim.replay import Replay
from shim.stdio import resize
from shim.streams import Streams
from shim.waits import Waits, folder_watch

STALL_SECONDS = 3600.0
"""A client that has taken nothing for so long after the exit is dropped, and the shim with it."""
STALL_LOOK = 60.0


class Shim:
    """Everything of one shim. The working directory is its folder; it runs until `run` returns.

    `reply` is the daemon's end of the birth; `endings` come from `jsonlog.message_endings`.
    """

    def __init__(self, spec: ProcessSpec, state: str, reply: socket.socket, endings: list[bytes]) -> None:
        self._spec = spec
        self._state = state
        self._reply: socket.socket | None = reply
        self._loop = Loop(self._trouble)
        self._fifo = _open_exit_fifo()
        self._watchers: list[socket.socket] = []
        self._attached: list[Attached] = []
        self._log: LogFile | None = None
        if spec.log.driver == "json-file":
            self._log = LogFile(spec.log, Encoder(Clock(), endings), self._ring, self._log_trouble)
        self._streams = Streams(self._loop, self._log, self._progress)
        self._waits = Waits(self._loop, folder_watch(state), self._progress)
        self._control = Control(self._loop, self._serve, self._progress)
        self._oom: oom.Watch | None = None
        self._oom_seen = False
        self._runtime = 0
        self._pid = 0
        self._statuses: dict[int, int] = {}
        self._start_timer: Timer | None = None
        self._timed_out = False
        self._console: socket.socket | None = None
        self._stdin_claimed = False
        self._record: ExitRecord | None = None
        self._status: int | None = None
        self._ended_at = 0
        self._settled = False  # the waits have been answered: nothing more will begin

    # -- birth ---------------------------------------------------------------------------------------------------

    def run(self, birth: Birth, descriptors: list[int]) -> None:
        """Live. `descriptors` are the connections of the birth's attaches, then of its waits."""
        self._loop.on_children(self._reap)
        if self._spec.stdin:
            self._streams.add_sink()
        for attach, descriptor in zip(birth.attaches, descriptors, strict=False):
            self._attach(attach, descriptor)
        for wait, descriptor in zip(birth.waits, descriptors[len(birth.attaches) :], strict=False):
            self._waits.add(descriptor, wait)
        try:
            self._create()
        except OSError as error:
            self._stillborn("runtime", f"{self._spec.runtime[0]}: {error.strerror}")
        self._loop.run()

    def _create(self) -> None:
        spec = self._spec
        if spec.exec_id:
            _write(process.PROCESS_JSON, process.process_document(spec))
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        theirs = [null]
        if spec.tty:
            self._console = process.listen_for_console()
            self._loop.watch(self._console.fileno(), READ, self._terminal)
            stdio = process.Stdio(null, null, null)
        else:
            stdin = null
            if self._streams.sink is not None:
                stdin, ours = os.pipe2(os.O_CLOEXEC)
                self._streams.sink.open(ours)
                theirs.append(stdin)
            outputs = []
            for stream in (1, 2):
                ours, output = os.pipe2(os.O_CLOEXEC)
                self._streams.add_source(ours, stream)
                outputs.append(output)
            theirs += outputs
            stdio = process.Stdio(stdin, *outputs)
        try:
            self._runtime = process.spawn(process.arguments(spec, self._state, os.getpid()), stdio)
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        self._start_timer = self._loop.later(spec.start_timeout, self._too_slow)

    def _terminal(self, _mask: int) -> None:
        """The runtime connects to the console socket and sends the terminal's master."""
        assert self._console is not None
        connection, _ = self._console.accept()
        connection.settimeout(1.0)  # the descriptor follows at once
        with connection:
            master = process.receive_master(connection)
        self._close_console()
        if any(self._spec.console_size):
            resize(master, *self._spec.console_size)
        self._streams.add_terminal(master)

    def _close_console(self) -> None:
        if self._console is not None:
            self._loop.forget(self._console.fileno())
            self._console.close()
            self._console = None
            os.unlink(process.CONSOLE_SOCKET)

    def _too_slow(self) -> None:
        self._timed_out = True
        process.kill_group(self._runtime)

    def _runtime_done(self, status: int) -> None:
        """The runtime has ended: the container is there, or why not."""
        if self._start_timer is not None:
            self._start_timer.cancel()
        if self._console is not None:
            self._terminal_in_time()
        if status == 0:
            try:
                self._pid = process.read_pid()
            except (OSError, ValueError) as error:
                self._stillborn("runtime", f"the runtime left no pid: {error}")
                return
            self._born(Born(ok=True, pid=self._pid, shim_pid=os.getpid(), shim_start=start_time(os.getpid())))
            if self._pid in self._statuses:
                self._exited(self._statuses[self._pid])
            else:
                self._watch_process()
            self._statuses.clear()
            return
        if self._timed_out:
            self._stillborn("timeout", f"the runtime did not finish within {self._spec.start_timeout:g} s")
            return
        message = process.runtime_error() or f"the runtime failed with status {os.waitstatus_to_exitcode(status)}"
        self._stillborn(process.error_kind(message), message)

    def _terminal_in_time(self) -> None:
        """The runtime may have connected and ended before the loop saw the connection."""
        assert self._console is not None
        with contextlib.suppress(BlockingIOError):
            self._terminal(READ)
        self._close_console()

    def _watch_process(self) -> None:
        if self._spec.watch_oom:
            with contextlib.suppress(OSError):
                found = oom.find(_read_text(f"/proc/{self._pid}/cgroup"))
                if found is not None:
                    self._oom = oom.Watch(self._loop, *found, self._oom_noticed)
        try:
            os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            self._watch_stranger()

    def _watch_stranger(self) -> None:
        """The process is nobody we can wait for (a runtime with a parent of its own): its end is seen, its code not."""
        try:
            descriptor = os.pidfd_open(self._pid)
        except ProcessLookupError:
            self._exited(None)
            return

        def gone(_mask: int) -> None:
            self._loop.forget(descriptor)
            os.close(descriptor)
            self._exited(None)

        self._loop.watch(descriptor, READ, gone)

    def _born(self, born: Born) -> None:
        if self._reply is not None:
            with contextlib.suppress(OSError):  # the daemon has died: the container stays, a later one finds it
                self._reply.send(protocol.encode(born))
            self._reply.close()
            self._reply = None

    def _stillborn(self, kind: str, message: str) -> None:
        """No container: tell the clients, the daemon, and end."""
        if self._spec.exec_id:
            for client in self._attached:
                if isinstance(client, Client):
                    client.outlet.put(protocol.STDOUT, message.encode() + b"\r\n")
        self._conclude(ExitRecord(process.exit_code_of(kind), time.time_ns()), bool(self._spec.exec_id))
        self._born(Born(ok=False, shim_pid=os.getpid(), kind=kind, message=message))
        self._farewell()

    # -- life ----------------------------------------------------------------------------------------------------

    def _reap(self) -> None:
        """Collect every child: the runtime, the process itself, and orphans that came to us."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._runtime:
                self._runtime = 0
                self._statuses = {**self._statuses, **self._reap_rest()}
                self._runtime_done(status)
            elif pid == self._pid:
                self._exited(status)
            elif not self._pid and self._record is None:
                self._statuses[pid] = status

    def _reap_rest(self) -> dict[int, int]:
        """A process that ended as fast as its runtime is a zombie already."""
        found: dict[int, int] = {}
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                found[pid] = status
        return found

    def _serve(self, request: Request) -> None:
        """One request from the attach socket."""
        if request.paths:
            self._attach_fifos(request.paths)
            return
        fields = request.fields
        operation = fields["op"]
        if operation == protocol.OP_ATTACH:
            attach = protocol.decode(Attach, fields)
            self._room()
            self._attach(attach, request.take())
        elif operation == protocol.OP_WAIT:
            self._waits.add(request.take(), protocol.decode(Wait, fields))
        elif operation == protocol.OP_RESIZE:
            self._resize(int(fields["height"]), int(fields["width"]))
        elif operation == protocol.OP_CLOSE_STDIN:
            if self._streams.sink is not None and not self._spec.tty:
                self._streams.sink.end()
        elif operation == protocol.OP_LOG_WATCH:
            self._watch_log(request)
        elif operation == protocol.OP_REMOVED:
            self._waits.removed()
        elif operation == protocol.OP_REOPEN_LOG:
            if self._log is None:
                raise Refused("there is no log file")
            self._log.reopen()
        elif operation != protocol.OP_PING:
            raise Refused(f"unknown op {operation!r}")

    def _room(self) -> None:
        if len(self._attached) >= self._spec.attach_limit:
            raise Refused(f"too many attaches: {self._spec.attach_limit} are attached already, which is the limit")

    def _attach(self, attach: Attach, descriptor: int) -> None:
        replay = None
        if attach.replay and self._log is not None:
            wanted = [number for number, wish in ((1, attach.stdout), (2, attach.stderr)) if wish]
            replay = Replay(self._log, self._streams, wanted, to_now=not attach.follow)
        client = Client(
            self._loop,
            self._streams,
            descriptor,
            attach,
            ends_stdin=attach.stdin and self._claims_stdin(),
            keys=DetachKeys(attach.detach_keys if self._spec.tty else ()),
            replay=replay,
            on_detach=lambda: self._tell(News("detach")),
            on_end=self._left,
        )
        if not client.closed:
            self._attached.append(client)
        if self._status is not None or self._record is not None:
            client.finish()

    def _attach_fifos(self, paths: list[str]) -> None:
        self._room()
        self._attached.append(
            FifoClient(
                self._loop,
                self._streams,
                paths,
                ends_stdin=bool(paths[0]) and self._claims_stdin(),
                keys=DetachKeys(()),
                on_detach=lambda: self._tell(News("detach")),
                on_end=self._left,
            )
        )

    def _claims_stdin(self) -> bool:
        """Whether the end of this attach's input ends the container's: the first one's, where the spec says so."""
        if self._spec.tty or not (self._spec.stdin_once or self._spec.exec_id):
            return False
        first, self._stdin_claimed = not self._stdin_claimed, True
        return first

    def _left(self, client: Attached) -> None:
        if client in self._attached:
            self._attached.remove(client)
        self._progress()

    def _resize(self, height: int, width: int) -> None:
        if not (0 <= height < 1 << 16 and 0 <= width < 1 << 16):
            raise Refused("a terminal's size is two numbers from 0 to 65535")
        if self._streams.master < 0:
            raise Refused("there is no terminal")
        if height or width:
            resize(self._streams.master, height, width)

    # -- the log's watchers and the news -------------------------------------------------------------------------

    def _watch_log(self, request: Request) -> None:
        if self._log is None:
            raise Refused("there is no log file")
        connection = request.take_connection()
        descriptor = connection.fileno()

        def left(_mask: int) -> None:
            try:
                gone = not connection.recv(64)
            except BlockingIOError:
                gone = False
            except OSError:
                gone = True
            if gone:
                self._loop.forget(descriptor)
                self._watchers.remove(connection)
                connection.close()

        self._watchers.append(connection)
        self._loop.watch(descriptor, READ, left)

    def _ring(self) -> None:
        """The log has grown. A bell that was not heard yet is enough."""
        for connection in self._watchers:
            with contextlib.suppress(OSError):
                connection.send(b"\n", socket.MSG_DONTWAIT)

    def _log_trouble(self, text: str) -> None:
        self._tell(News("log-error", text))

    def _oom_noticed(self) -> None:
        self._oom_seen = True
        self._tell(News("oom"))

    def _tell(self, news: News) -> None:
        """A FIFO nobody reads fills up at 64 KiB; news that don't fit are lost, the exit record is not."""
        with contextlib.suppress(OSError):
            os.write(self._fifo, protocol.encode(news))

    def _trouble(self, error: Exception) -> None:
        note(error)

    # -- the end -------------------------------------------------------------------------------------------------

    def _exited(self, status: int | None) -> None:
        """The process has ended; a grandchild may still hold its streams."""
        self._pid = 0
        self._status = -1 if status is None else status
        self._ended_at = time.time_ns()
        self._streams.drain()
        self._loop.later(protocol.DRAIN_SECONDS, self._drained)
        self._progress()

    def _drained(self) -> None:
        if self._record is None:
            self._streams.drain()
            self._streams.close()
            self._progress()

    def _progress(self) -> None:
        """Something ended: go as far as is possible now."""
        if self._status is None:
            return
        if self._record is None:
            if not self._streams.ended:
                return
            if self._oom is not None:
                self._oom.check()
                self._oom.close()
            self._conclude(_record(self._status, self._ended_at, self._oom_seen), True)
            self._farewell()
            return
        if self._settled and not (self._attached or len(self._waits) or self._control.pending):
            self._control.close()
            self._loop.stop()
            self._settled = False

    def _conclude(self, record: ExitRecord, write: bool) -> None:
        """Log, record, news: in this order."""
        self._status = self._status if self._status is not None else -1
        self._streams.close()
        self._record = record
        if self._log is not None:
            self._log.close()
        if write:
            try:
                write_record(record)
            except OSError as error:
                note(error)
            self._tell(News("exit"))
        for connection in self._watchers:
            self._loop.forget(connection.fileno())
            connection.close()
        self._watchers.clear()

    def _farewell(self) -> None:
        """Close the clients when they have everything, answer the waits, end."""
        for client in list(self._attached):
            client.finish()
        self._answer_waits(time.monotonic() + protocol.DRAIN_SECONDS)
        self._watch_stalled({})

    def _answer_waits(self, deadline: float) -> None:
        """The exit code must not overtake the last byte of output; who doesn't read delays it only so long."""
        assert self._record is not None
        if all(client.delivered for client in self._attached) or time.monotonic() > deadline:
            self._waits.answer(self._record)
            self._settled = True
            self._progress()
        else:
            self._loop.later(0.005, lambda: self._answer_waits(deadline))

    def _watch_stalled(self, before: dict[int, tuple[int, float]]) -> None:
        now = time.monotonic()
        after = {}
        for client in list(self._attached):
            progress, since = before.get(id(client), (-1, now))
            after[id(client)] = (client.progress, since if progress == client.progress else now)
            if now - after[id(client)][1] > STALL_SECONDS:
                client.drop()
        self._loop.later(STALL_LOOK, lambda: self._watch_stalled(after))


def _record(status: int, at: int, killed: bool) -> ExitRecord:
    if status < 0:
        return ExitRecord(None, at, killed, "the process was not a child of the shim")
    code = os.waitstatus_to_exitcode(status)
    return ExitRecord(code if code >= 0 else 128 - code, at, killed)


def write_record(record: ExitRecord) -> None:
    """Write the exit record so that it is there as a whole, and on disk, or not at all."""
    temporary = f"{protocol.EXIT_RECORD}.new"
    _write(temporary, protocol.encode(record), sync=True)
    os.rename(temporary, protocol.EXIT_RECORD)


def start_time(pid: int) -> int:
    """Field 22 of /proc/PID/stat, in clock ticks since boot: with the pid it names a process for good."""
    return int(_read_text(f"/proc/{pid}/stat").rpartition(")")[2].split()[19])


def note(error: BaseException | str) -> None:
    """Append a line to shim-log.json."""
    text = error if isinstance(error, str) else f"{type(error).__name__}: {error}{_where(error)}"
    line = json.dumps({"time": time.time_ns(), "level": "error", "msg": text}).encode() + b"\n"
    with contextlib.suppress(OSError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(protocol.SHIM_LOG, flags, 0o600)
        os.write(descriptor, line)
        os.close(descriptor)


def _where(error: BaseException) -> str:
    """File and line of each frame; without `traceback`, which reads source files."""
    places = []
    frame = error.__traceback__
    while frame is not None:
        places.append(f"{os.path.basename(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno}")
        frame = frame.tb_next
    return f" ({' '.join(places)})"


def _open_exit_fifo() -> int:
    with contextlib.suppress(FileExistsError):
        os.mkfifo(protocol.EXIT_FIFO, 0o600)
    return os.open(protocol.EXIT_FIFO, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)


def _write(path: str, data: bytes, *, sync: bool = False) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(descriptor, data)
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_text(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 16384).decode()
    finally:
        os.close(descriptor)


def begin(birth: Birth, spec: ProcessSpec, descriptors: list[int], endings: list[bytes]) -> None:
    """What a fresh shim does: go to its folder, live. Never raises; what fails is in the answer and in shim-log.json.

    `descriptors`: the reply socket, then the connections of the birth's attaches and waits.
    """
    reply = socket.socket(fileno=descriptors[0])
    try:
        os.chdir(birth.state)
        own = os.getpid()
        _write(protocol.SHIM_PID_FILE, b"%d %d\n" % (own, start_time(own)))
        shim = Shim(spec, birth.state, reply, endings)
    except (OSError, ValueError, TypeError) as error:
        note(error)
        with contextlib.suppress(OSError):
            reply.send(protocol.encode(Born(ok=False, kind="runtime", message=f"the shim could not start: {error}")))
        return
    try:
        shim.run(birth, descriptors[1:])
    except Exception as error:
        note(error)
