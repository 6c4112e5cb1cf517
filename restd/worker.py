"""The gunicorn worker: the one process that holds the engine, and what hangs on its life.

The master loads this module, so it imports nothing of the engine until the worker is in its own process: a new
worker after HUP runs new code, and the master stays small.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from typing import Any

from gunicorn.workers.base import Worker

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1.0
LISTEN_BACKLOG = 2048


class EngineWorker(Worker):  # type: ignore[misc]  # gunicorn has no types
    """Runs the asyncio loop with the engine; `alive` turns false by SIGTERM, SIGINT or SIGQUIT."""

    def init_signals(self) -> None:
        """Default handlers until the loop is there; SIGCHLD must not be the master's, or children's codes are lost."""
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGWINCH, signal.SIG_IGN)

    def run(self) -> None:
        """Serve until told to stop. A failure before the first request could be answered ends the master too."""
        self.booted = False
        try:
            asyncio.run(self._serve())
        except Exception as error:
            log.critical("the engine failed: %s", error, exc_info=error)
            sys.exit(1 if self.booted else 3)

    async def _serve(self) -> None:
        # Imported here, not at the top: see the module's docstring.
        from restd.app import Application
        from restd.lib.memory import one_arena, settle
        from restd.lib.tasks import TaskGroup

        one_arena()

        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGUSR1, self.log.reopen_files)
        tasks = TaskGroup("worker")
        tasks.start(self._beat(stop), "heartbeat")
        application = Application(self.app.wsgi())
        try:
            starting = tasks.start(application.start(self.sockets), "start")
            stopping = tasks.start(stop.wait(), "stop")
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                self.booted = True
                settle()
                _notify(f"READY=1\nMAINPID={self.ppid}\n")
                await stopping
        finally:
            await application.stop(self.cfg.graceful_timeout * 0.9)
            await tasks.close()

    async def _beat(self, stop: asyncio.Event) -> None:
        """Tell the master that the loop turns; stop when the master is gone."""
        while True:
            self.notify()
            if self.ppid != os.getppid():
                log.info("the master is gone, stopping")
                stop.set()
            await asyncio.sleep(HEARTBEAT_SECONDS)


def _notify(state: str) -> None:
    """Tell systemd, if it started the daemon (sd_notify(3))."""
    address = os.environ.get("ISULA_NOTIFY_SOCKET", "")
    if not address:
        return
    target: Any = "\0" + address[1:] if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.connect(target)
        connection.sendall(state.encode())
