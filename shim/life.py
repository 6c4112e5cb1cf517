"""A shim's life on one page: birth, requests, the process's end, the record, the farewell."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import replace
from functools import cached_property

from shim import folder, midwife, oom, process, protocol
from shim.bell import Bell
from shim.capture import Capture
from shim.clients import Clients
from shim.control import Control, Refused, Request
from shim.creation import Creation
from shim.jsonlog import Clock, Encoder
from shim.logfile import LogFile
from shim.loop import READ, Loop, Timer
from shim.midwife import Report
from shim.protocol import Attach, Birth, Born, ExitRecord, News, ProcessSpec, Wait
from shim.stdio import resize
from shim.streams import Streams
from shim.waits import Waits, folder_watch

_ORDER_STEP = 0.005


class Shim:
    """Everything of one shim. The working directory is its folder, `state`; it runs until `run` returns.

    `reply` is the descriptor of the birth's reply socket; `endings` come from `jsonlog.message_endings`.
    """

    def __init__(
        self, spec: ProcessSpec, state: str, reply: int, endings: list[bytes], send: midwife.Send = midwife.send
    ) -> None:
        self._spec = spec
        self._state = state
        self._reply = reply
        self.loop = loop = Loop(folder.note)
        self._log: LogFile | None = None
        if spec.log.driver == "json-file":
            self._log = LogFile(spec.log, Encoder(Clock(), endings), self._ring, self._log_failed)
        self._capture = Capture(spec.capture) if spec.capture else None
        self._streams = Streams(loop, self._log or self._capture, self._go_on)
        self._creation = Creation(loop, spec, state, self._streams, send, reply, self._created)
        self._oom: oom.Watch | None = None
        self._oom_seen = False
        self._limit: Timer | None = None
        self._late = False
        self._pid = 0
        self._ended: tuple[int | None, int] | None = None  # wait status (None: not known) and time of the process's end
        self._record: ExitRecord | None = None
        self._settled = False  # the waits have been answered: nothing more will begin

    # What most containers never need is made when it is needed first: until then it costs no memory.

    @cached_property
    def _waits(self) -> Waits:
        return Waits(self.loop, folder_watch(self._state), self._go_on)

    @cached_property
    def _bell(self) -> Bell:
        return Bell(self.loop)

    def _ring(self) -> None:
        if "_bell" in self.__dict__:
            self._bell.ring()

    # -- birth ---------------------------------------------------------------------------------------------------

    def run(self, birth: Birth, descriptors: list[int]) -> None:
        """Live. `descriptors` are the connections of the birth's attaches, then of its waits.

        The runtime takes its time, so it is sent for first; nothing of the container can come before the loop runs.
        """
        self.loop.on_children(self._reap)
        if self._spec.stdin:
            self._streams.add_sink()
        failed = ""
        try:
            self._creation.begin()
        except OSError as error:
            failed = f"{self._spec.runtime[0]}: {error.strerror}"
        self._fifo = folder.open_exit_fifo()
        self._clients = Clients(self.loop, self._spec, self._streams, self._log, self._detached, self._go_on)
        self._control = Control(self.loop, self._serve, self._go_on)
        count = len(birth.attaches)
        for attach, descriptor in zip(birth.attaches, descriptors[:count], strict=True):
            self._clients.attach(attach, descriptor)
        for wait, descriptor in zip(birth.waits, descriptors[count:], strict=True):
            self._waits.add(descriptor, wait)
        if failed:
            self._stillborn("runtime", failed)
        self.loop.run()

    def close(self) -> None:
        """Give all descriptors back. Only a rehearsed life needs that: a real one ends with its process."""
        self._control.close()
        self._streams.close()
        if self._oom is not None:
            self._oom.close()
        os.close(self._fifo)
        self.loop.close()

    def _created(self, report: Report) -> None:
        if not report.pid:
            self._stillborn(report.kind, report.message)
            return
        self._pid = report.pid
        at = time.time_ns() if self._spec.start or self._spec.exec_id else 0
        self._answer(protocol.born(report.pid, os.getpid(), report.shim_start, at))
        if report.oom_file:
            with contextlib.suppress(OSError):  # it has ended already
                self._oom = oom.Watch(self.loop, report.oom_file, report.unified, self._oom_noticed)
        if self._spec.time_limit:
            self._limit = self.loop.later(self._spec.time_limit, self._too_long)
        self._watch_process()

    def _too_long(self) -> None:
        """The time limit is over."""
        if self._ended is None:
            self._late = True
            process.kill_with_group(self._pid)

    def _watch_process(self) -> None:
        """See to it that the process's end will be noticed: by SIGCHLD, or if it is not our child by its pidfd."""
        try:
            os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            return
        except ChildProcessError:
            pass
        try:
            descriptor = os.pidfd_open(self._pid)
        except ProcessLookupError:
            self._exited(None)
            return

        def gone(_mask: int) -> None:
            self.loop.forget(descriptor)
            os.close(descriptor)
            self._exited(None)

        self.loop.watch(descriptor, READ, gone)

    def _answer(self, born: bytes) -> None:
        if self._reply >= 0:
            with contextlib.suppress(OSError):  # the daemon has died: the container stays, a later one finds it
                os.write(self._reply, born)
            os.close(self._reply)
            self._reply = -1

    def _stillborn(self, kind: str, message: str) -> None:
        """No container: leave no process, tell the clients (of an exec) and the daemon, end."""
        process.kill_children()
        is_exec = bool(self._spec.exec_id)
        if is_exec:
            self._clients.say(f"OCI runtime exec failed: {message}: unknown\r\n")
        self._conclude(ExitRecord(process.exit_code_of(kind), time.time_ns()), write=is_exec)
        self._answer(protocol.encode(Born(ok=False, shim_pid=os.getpid(), kind=kind, message=message)))
        self._farewell()

    # -- requests ------------------------------------------------------------------------------------------------

    def _serve(self, request: Request) -> None:
        """One request from the attach socket."""
        if request.paths:
            self._clients.check_room()
            self._clients.attach_fifos(request.paths)
            return
        fields = request.fields
        operation = fields["op"]
        if operation == protocol.OP_ATTACH:
            attach = protocol.decode(Attach, fields)
            self._clients.check_room()
            self._clients.attach(attach, request.take())
        elif operation == protocol.OP_WAIT:
            self._waits.add(request.take(), protocol.decode(Wait, fields))
        elif operation == protocol.OP_RESIZE:
            self._resize(int(fields["height"]), int(fields["width"]))
        elif operation == protocol.OP_CLOSE_STDIN:
            if self._streams.sink is not None and not self._spec.tty:
                self._streams.sink.end()
        elif operation == protocol.OP_LOG_WATCH:
            self._need_log()
            request.answer_and_keep(self._bell.add)
        elif operation == protocol.OP_REMOVED:
            self._waits.removed()
        elif operation == protocol.OP_REOPEN_LOG:
            self._need_log().reopen()
        elif operation != protocol.OP_PING:
            raise Refused(f"unknown op {operation!r}")

    def _need_log(self) -> LogFile:
        if self._log is None:
            raise Refused("there is no log file")
        if self._record is not None:
            raise Refused("the process has ended: the log is complete")
        return self._log

    def _resize(self, height: int, width: int) -> None:
        if not (0 <= height < 1 << 16 and 0 <= width < 1 << 16):
            raise Refused("a terminal's size is two numbers from 0 to 65535")
        if self._streams.master < 0:
            raise Refused("there is no terminal")
        if height or width:
            resize(self._streams.master, height, width)

    # -- news ----------------------------------------------------------------------------------------------------

    def _tell(self, news: News) -> None:
        """A FIFO nobody reads fills up at 64 KiB; news that don't fit are lost, the exit record is not."""
        with contextlib.suppress(OSError):
            os.write(self._fifo, protocol.encode(news))

    def _detached(self) -> None:
        self._tell(News("detach"))

    def _log_failed(self, text: str) -> None:
        self._tell(News("log-error", text))

    def _oom_noticed(self) -> None:
        self._oom_seen = True
        self._tell(News("oom"))

    # -- the end -------------------------------------------------------------------------------------------------

    def _reap(self) -> None:
        """Collect every child: who called the runtime, the process itself, and orphans that came to us.

        Who called the runtime comes first: it has to look at the process, which may have ended as fast as its runtime.
        """
        caller = self._creation.caller
        if caller:
            pid, status = os.waitpid(caller, os.WNOHANG)
            if pid == 0:
                return
            self._creation.ended(status)
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                if pid == self._pid:
                    self._exited(status)

    def _exited(self, status: int | None) -> None:
        """The process has ended; a grandchild may still hold its streams."""
        if self._ended is not None:
            return
        self._ended = (status, time.time_ns())
        if self._limit is not None:
            self._limit.cancel()
        self._streams.drain()
        self.loop.later(protocol.DRAIN_SECONDS, self._drained)
        self._go_on()

    def _drained(self) -> None:
        """Time is up for whoever else holds the streams."""
        if self._record is None:
            self._streams.drain()
            self._streams.close()
            self._go_on()

    def _go_on(self) -> None:
        """Something has ended: go as far as is possible now."""
        if self._ended is not None and self._record is None and self._streams.ended:
            if self._oom is not None:
                self._oom.check()
                self._oom.close()
            record = _record(*self._ended, self._oom_seen)
            if self._capture is not None:
                record = replace(record, output=self._capture.text())
            if self._late:
                record = replace(record, late=True)
            self._conclude(record, write=True)
            self._farewell()
        if self._settled and not (self._clients or self._waits or self._control.pending):
            self._settled = False
            self._control.close()
            self.loop.stop()

    def _conclude(self, record: ExitRecord, *, write: bool) -> None:
        """Log, record, news: in this order."""
        self._record = record
        self._streams.close()
        if self._log is not None:
            self._log.close()
        if write:
            try:
                # Nobody can ask for an exec after a power cut: the engine forgets it with its container's run.
                folder.write_record(record, sync=not self._spec.exec_id)
            except OSError as error:
                folder.note(error)
            self._tell(News("exit"))
        self._bell.close()

    def _farewell(self) -> None:
        """Close the clients when they have everything, answer the waits, end."""
        self._clients.finish()
        self._answer_waits(time.monotonic() + protocol.DRAIN_SECONDS)

    def _answer_waits(self, deadline: float) -> None:
        """The exit code must not overtake the last byte of output; who doesn't read delays it only so long."""
        assert self._record is not None
        if not self._clients.delivered and time.monotonic() < deadline:
            self.loop.later(_ORDER_STEP, lambda: self._answer_waits(deadline))
            return
        self._waits.answer(self._record)
        self._settled = True
        self._go_on()


def _record(status: int | None, at: int, killed: bool) -> ExitRecord:
    if status is None:
        return ExitRecord(None, at, killed, "the process was not a child of the shim")
    code = os.waitstatus_to_exitcode(status)
    return ExitRecord(code if code >= 0 else 128 - code, at, killed)


def begin(birth: Birth, spec: ProcessSpec, reply: int, descriptors: list[int], endings: list[bytes]) -> None:
    """What a fresh shim does: go to its folder, live. Never raises; what fails is in the answer and in shim-log.json.

    `descriptors`: the connections of the birth's attaches, then of its waits.
    """
    try:
        os.chdir(birth.state)
        shim = Shim(spec, birth.state, reply, endings)
    except (OSError, ValueError, TypeError) as error:
        folder.note(error)
        with contextlib.suppress(OSError):
            os.write(
                reply, protocol.encode(Born(ok=False, kind="runtime", message=f"the shim could not start: {error}"))
            )
        return
    try:
        shim.run(birth, descriptors)
    except Exception as error:
        folder.note(error)
