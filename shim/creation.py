"""The runtime at work: from its start to the container's first process, or the reason why there is none."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass

from shim import folder, process
from shim.loop import READ, Loop, Timer
from shim.protocol import ProcessSpec
from shim.stdio import resize
from shim.streams import Streams

_CONSOLE_SECONDS = 1.0


@dataclass(frozen=True)
class Outcome:
    """`pid` of the first process; or 0, with `kind` and `message` as in `protocol.Born`."""

    pid: int = 0
    kind: str = ""
    message: str = ""


class Creation:
    """One call of the runtime. Connects the container's stdio to `streams`; `on_done(outcome)` is called once.

    Its owner reaps children and tells of the runtime's end with `ended`.
    """

    def __init__(
        self, loop: Loop, spec: ProcessSpec, state: str, streams: Streams, on_done: Callable[[Outcome], None]
    ) -> None:
        self._loop = loop
        self._spec = spec
        self._state = state
        self._streams = streams
        self._on_done = on_done
        self._console: socket.socket | None = None
        self._timer: Timer | None = None
        self._timed_out = False
        self.runtime = 0

    def begin(self) -> None:
        """Start the runtime. OSError if that can't be done."""
        spec = self._spec
        if spec.exec_id:
            folder.write(process.PROCESS_JSON, process.process_document(spec))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(process.RUNTIME_LOG)  # of an earlier start
        theirs: list[int] = []
        self._streams.brake(self._working)  # until the container is there, what comes is the runtime's own
        try:
            stdio = self._terminal_stdio(theirs) if spec.tty else self._pipes(theirs)
            self.runtime = process.spawn(process.arguments(spec, self._state, os.getpid()), stdio)
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        self._timer = self._loop.later(spec.start_timeout, self._too_slow)

    def ended(self, status: int) -> None:
        """The runtime has ended with the wait status `status`."""
        self.runtime = 0
        if self._timer is not None:
            self._timer.cancel()
        if self._console is not None:
            with contextlib.suppress(BlockingIOError):
                self._accept_master(READ)  # it may have connected and ended in one turn of the loop
            self._close_console()
        outcome = self._outcome(status)
        if outcome.pid:
            self._streams.unbrake(self._working)
        self._on_done(outcome)

    def _working(self) -> bool:
        return True

    def _outcome(self, status: int) -> Outcome:
        if self._timed_out:
            return Outcome(0, "timeout", f"the runtime did not finish within {self._spec.start_timeout:g} s")
        if status != 0:
            code = os.waitstatus_to_exitcode(status)
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            said = self._streams.unread_error() if not self._spec.tty else ""
            message = process.runtime_error() or said or f"{self._spec.runtime[0]} {how}"
            return Outcome(0, process.error_kind(message), message)
        if self._spec.tty and self._streams.master < 0 and not self._streams.had_terminal:
            return Outcome(0, "runtime", "the runtime sent no terminal")
        try:
            return Outcome(process.read_pid())
        except (OSError, ValueError) as error:
            return Outcome(0, "runtime", f"the runtime left no pid: {error}")

    def _too_slow(self) -> None:
        self._timed_out = True
        process.kill_group(self.runtime)

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
