"""The gunicorn worker: the one process that holds the engine.

The master loads this module too, so it imports nothing of the engine, nor asyncio, until the worker is in its own
process (`restd.serving`): a new worker after HUP runs new code, and the master stays small.

This module and the master's may then be of an older version than `restd.serving`. What passes between them is a
dictionary of plain values; a later version may need more of them but must do without:

    arguments    the command line's, without the program
    file         the text of daemon.json (bytes)
    reload       whether another worker goes on if this one finds that it can't serve
    kept         the settings that must stay as they are (`restd.reload`)
    sockets      to listen on
    master       its process id
    predecessor  process id of the master that this one is to replace, 0 if there is none
    beat         to be called every second: the master ends a worker that does not
    ready        to be called once the engine answers
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import importlib
import logging
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

from gunicorn.workers.base import Worker

log = logging.getLogger(__name__)

FAILED, FAILED_TO_START = 1, 3
"""Exit codes; gunicorn's master ends on the second (WORKER_BOOT_ERROR) instead of starting another worker."""
_OURS = ("restd", "shim")


class EngineWorker(Worker):  # type: ignore[misc]  # gunicorn has no types
    """Runs the engine until told to stop, or until a successor has taken over.

    Exit code 3 if a master's first worker fails before it could answer anything, which ends the master too.
    """

    def init_signals(self) -> None:
        """Default handlers until the loop is there; SIGCHLD must not be the master's, or children's codes are lost."""
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH):
            signal.signal(number, signal.SIG_IGN)

    def run(self) -> None:
        """Serve until told to stop."""
        self.notify()
        faulthandler.enable()  # SIGABRT is what the master sends to a worker that hangs
        self.booted = False
        try:
            served = self._serve()
        except Exception as error:
            log.critical("the engine failed: %s", error, exc_info=error)
            served = False
        if not served:
            sys.exit(FAILED_TO_START if self.age == 1 and not self.booted else FAILED)

    def _serve(self) -> bool:
        gc.disable()  # while modules are made there is little to collect and much to look at; `settle` enables it
        if self.age > 1:
            forget_our_modules()
        with without_certificates():
            # Imported here, not at the top: see the module's docstring.
            from restd import serving

        orders: dict[str, Any] = {
            **self.app.wsgi(),
            "sockets": self.sockets,
            "master": self.ppid,
            "predecessor": int(os.environ.get("GUNICORN_PID", "0")),
            "beat": self.notify,
            "ready": self._ready,
        }
        return serving.run(orders)

    def _ready(self) -> None:
        self.booted = True
        os.pwrite(self.tmp.fileno(), b"serves\n", 0)  # for `restd.master.serves`


def forget_our_modules() -> None:
    """Import the engine as it is on disk now, and not as the master, whose copy this process is, has loaded it."""
    for name in list(sys.modules):
        if name.partition(".")[0] in _OURS:
            del sys.modules[name]
    importlib.invalidate_caches()


@contextlib.contextmanager
def without_certificates() -> Iterator[None]:
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
