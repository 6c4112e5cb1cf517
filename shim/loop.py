"""The shim's event loop: one epoll, a few timers, the signals that matter. No threads, no imports after the fork."""

from __future__ import annotations

import heapq
import os
import select
import signal
import time
from collections.abc import Callable

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
URGENT = select.EPOLLPRI
HANGUP = select.EPOLLHUP | select.EPOLLERR

Handler = Callable[[int], None]


class Timer:
    """A callback that will run once. `cancel()` may be called at any time, also after it ran."""

    __slots__ = ("_callback", "when")

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Forget the callback."""
        self._callback = None

    def fire(self) -> None:
        """Run the callback unless it was cancelled or has run."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()

    def __lt__(self, other: Timer) -> bool:
        return self.when < other.when


class Loop:
    """Descriptors, timers and SIGCHLD. Handlers get the epoll event mask and must stand a spurious call.

    `on_error` is told of an exception that left a handler; the loop goes on, since one bad client must never cost
    the container its shim.
    """

    def __init__(self, on_error: Callable[[Exception], None]) -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, tuple[int, Handler]] = {}
        self._timers: list[Timer] = []
        self._bells: list[int] = []
        self._on_error = on_error
        self._running = True

    def watch(self, descriptor: int, events: int, handler: Handler) -> None:
        """Call `handler(mask)` when `descriptor` is ready (level-triggered). HANGUP is always reported."""
        before = self._watched.get(descriptor)
        if before is None:
            self._epoll.register(descriptor, events)
        elif before[0] != events:
            self._epoll.modify(descriptor, events)
        self._watched[descriptor] = events, handler

    def watched(self, descriptor: int) -> bool:
        """Whether `descriptor` is being watched."""
        return descriptor in self._watched

    def forget(self, descriptor: int) -> None:
        """Stop watching; must come before the descriptor is closed. A descriptor not watched is no error."""
        if self._watched.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Run `callback` once, `seconds` from now."""
        timer = Timer(time.monotonic() + seconds, callback)
        heapq.heappush(self._timers, timer)
        return timer

    def on_children(self, callback: Callable[[], None]) -> None:
        """Call `callback` after children have ended (SIGCHLD), any number of them for one call.

        `catch_children` must have been called in this process or the one it was forked from.
        """
        self._bells = [*os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)]
        reader, writer = self._bells
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

        def ended(_: int) -> None:
            try:
                os.read(reader, 4096)
            except BlockingIOError:
                return
            callback()

        self.watch(reader, READ, ended)

    def close(self) -> None:
        """Give its own descriptors back."""
        self._epoll.close()
        if self._bells:
            signal.set_wakeup_fd(-1)
        for descriptor in self._bells:
            os.close(descriptor)

    def stop(self) -> None:
        """Make `run` return after the present round."""
        self._running = False

    def run(self) -> None:
        """Serve until `stop`."""
        while self._running:
            for descriptor, mask in self._wait():
                watched = self._watched.get(descriptor)
                if watched is not None:
                    self._guarded(watched[1], mask)
            now = time.monotonic()
            while self._timers and self._timers[0].when <= now:
                self._guarded_timer(heapq.heappop(self._timers))

    def _wait(self) -> list[tuple[int, int]]:
        timeout = max(0.0, self._timers[0].when - time.monotonic()) if self._timers else None
        return self._epoll.poll(timeout)

    def _guarded(self, handler: Handler, mask: int) -> None:
        try:
            handler(mask)
        except Exception as error:
            self._on_error(error)

    def _guarded_timer(self, timer: Timer) -> None:
        try:
            timer.fire()
        except Exception as error:
            self._on_error(error)


def catch_children() -> None:
    """Catch SIGCHLD, so that it wakes loops. Inherited over forks, and not free (the module makes enums of numbers)."""
    signal.signal(signal.SIGCHLD, _noted)


def _noted(_signal: int, _frame: object) -> None:
    """A Python-level handler must exist for the wakeup descriptor to be written."""
