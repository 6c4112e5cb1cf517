"""The runtime at work: from its start to the container's first process, or the reason why there is none."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable

from shim import midwife, process
from shim.loop import READ, Loop, Timer
from shim.midwife import Report
from shim.protocol import ProcessSpec
from shim.stdio import resize
from shim.streams import Streams

_CONSOLE_SECONDS = 1.0


class Creation:
    """One call of the runtime. Connects the container's stdio to `streams`; `on_done(report)` is called once.

    `send` calls the runtime for a container. Its owner reaps children and tells with `ended` of the end of `caller`,
    the runtime or the child that calls it.
    """

    def __init__(
        self,
        loop: Loop,
        spec: ProcessSpec,
        state: str,
        streams: Streams,
        send: midwife.Send,
        asker: int,
        on_done: Callable[[Report], None],
    ) -> None:
        self._loop = loop
        self._spec = spec
        self._state = state
        self._streams = streams
        self._send = send
        self._asker = asker
        self._on_done = on_done
        self._console: socket.socket | None = None
        self._report = -1
        self._timer: Timer | None = None
        self._timed_out = False
        self._start = 0
        self.caller = 0

    def begin(self) -> None:
        """Send for the runtime. OSError if that can't be done."""
        theirs: list[int] = []
        self._streams.brake(self._working)  # until the container is there, what comes is the runtime's own
        self._report, report = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            stdio = self._terminal_stdio(theirs) if self._spec.tty else self._pipes(theirs)
            if self._spec.exec_id:
                self.caller, self._start = midwife.call(self._spec, self._state, stdio, self._asker, os.getpid())
                self._timer = self._loop.later(self._spec.start_timeout, self._too_slow)
            else:
                self.caller = self._send(self._spec, self._state, stdio, report, self._asker)
        finally:
            for descriptor in (*theirs, report):
                os.close(descriptor)

    def ended(self, status: int) -> None:
        """`caller` has ended, and the runtime with it."""
        self.caller = 0
        if self._console is not None:
            with contextlib.suppress(BlockingIOError):
                self._accept_master(READ)  # it may have connected and ended in one turn of the loop
            self._close_console()
        report = self._checked(self._told(status))
        os.close(self._report)
        if report.pid:
            self._streams.unbrake(self._working)
        self._on_done(report)

    def _told(self, status: int) -> Report:
        if self._timer is None:
            return midwife.read_report(self._report)
        self._timer.cancel()
        return midwife.too_slow(self._spec) if self._timed_out else midwife.judge(self._spec, status, self._start)

    def _too_slow(self) -> None:
        self._timed_out = True
        process.kill_group(self.caller)

    def _working(self) -> bool:
        return True

    def _checked(self, report: Report) -> Report:
        """The report, completed by what only the shim can see: the runtime's plain words, the terminal."""
        if report.pid:
            if self._spec.tty and self._streams.master < 0 and not self._streams.had_terminal:
                return Report(kind="runtime", message="the runtime sent no terminal")
            return report
        if report.kind == "timeout":
            return report
        said = self._streams.unread_error() if not (self._spec.tty or report.message) else ""
        message = report.message or said or report.how
        return Report(kind=process.error_kind(message) if report.how else "runtime", message=message)

    def _pipes(self, theirs: list[int]) -> process.Stdio:
        if self._streams.sink is None:
            stdin = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        else:
            stdin, ours = os.pipe2(os.O_CLOEXEC)
            self._streams.sink.open(ours)
        theirs.append(stdin)
        for stream in (1, 2):
            ours, output = os.pipe2(os.O_CLOEXEC)
            self._streams.add_source(ours, stream)
            theirs.append(output)
        return process.Stdio(*theirs)

    def _terminal_stdio(self, theirs: list[int]) -> process.Stdio:
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        theirs.append(null)
        self._console = process.listen_for_console()
        self._loop.watch(self._console.fileno(), READ, self._accept_master)
        return process.Stdio(null, null, null)

    def _accept_master(self, _mask: int) -> None:
        """The runtime connects to the console socket and sends the terminal's master."""
        assert self._console is not None
        connection, _ = self._console.accept()
        connection.settimeout(_CONSOLE_SECONDS)  # the descriptor follows at once
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
            with contextlib.suppress(OSError):
                os.unlink(process.CONSOLE_SOCKET)
