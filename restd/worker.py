"""The gunicorn worker: the one process that holds the engine.

The master loads this module too, so it imports nothing of the engine, nor asyncio, until the worker is in its own
process (`restd.serving`): a new worker after HUP runs new code, and the master stays small.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Iterator

from gunicorn.workers.base import Worker

log = logging.getLogger(__name__)

FAILED, FAILED_TO_START = 1, 3
"""Exit codes; gunicorn's master ends on the second (WORKER_BOOT_ERROR) instead of starting another worker."""


class EngineWorker(Worker):  # type: ignore[misc]  # gunicorn has no types
    """Runs the engine until told to stop. Exit code 3 before it could answer anything, which ends the master too."""

    def init_signals(self) -> None:
        """Default handlers until the loop is there; SIGCHLD must not be the master's, or children's codes are lost."""
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGWINCH):
            signal.signal(number, signal.SIG_IGN)

    def run(self) -> None:
        """Serve until told to stop."""
        self.booted = False
        try:
            self._serve()
        except Exception as error:
            log.critical("the engine failed: %s", error, exc_info=error)
            sys.exit(FAILED if self.booted else FAILED_TO_START)

    def _serve(self) -> None:
        # Imported here, not at the top: see the module's docstring.
        import asyncio

        with _without_certificates():
            from restd.serving import serve

        seconds = self.cfg.graceful_timeout * 0.9
        asyncio.run(serve(self.app.wsgi(), self.sockets, self.ppid, seconds, self.notify, self._ready))

    def _ready(self) -> None:
        self.booted = True


@contextlib.contextmanager
def _without_certificates() -> Iterator[None]:
    """Let OpenSSL find no certificates meanwhile.

    aiohttp makes a TLS context for its client as it is imported, with every authority the host trusts: 2 MB and 30 ms
    for what a server never uses. Who needs a context later makes one, and gets them all.
    """
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
