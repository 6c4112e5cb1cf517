"""The master: gunicorn's, which holds the sockets, but with a worker or a master replaced only by one that works.

gunicorn's own reload (HUP) ends the old worker as soon as the new one is forked, and its upgrade (USR2) leaves it to
the operator to end the old master. Here the new worker loads its code and configuration first, then takes the state
over from the old one (`restd.succession`), which ends by itself; a new one that fails before leaves all as it was.

The master runs the code that it was started with. So that HUP takes up new code all the same, a worker imports the
engine anew, and reads the text of daemon.json itself: the master passes on nothing but plain values (`Daemon.load`).
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import time

from gunicorn import sock
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from restd import systemd
from restd.daemon import Daemon
from restd.preflight import give_to_group

log = logging.getLogger(__name__)

KEPT = "ISULA_KEPT"
"""Environment of a new master: JSON of what the old one passes on (`Daemon.handed`)."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds between attempts to start a worker that does not come up; the first attempt is made at once."""
STEADY_SECONDS = 10.0


class Master(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """One worker serves. Others exist only while they take over, or wait to be asked for what they hold."""

    reexec_pid: int

    def __init__(self, app: Daemon) -> None:
        self._passed_on = app.passed_on  # sockets that systemd holds too: their paths are not ours to remove
        self._successor = 0  # the age of the worker that is to take over
        self._wanted = ""  # what was asked for in the meantime: HUP or USR2
        self._replaced = False  # a new master serves
        self._pause = 0.0
        self._begun = 0.0
        super().__init__(app)

    # -- start and end ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Listen, on what systemd or the old master has opened and on what they have not."""
        self.systemd = self._passed_on is not None
        super().start()
        if self.systemd and self._passed_on is None:
            self._passed_on = self._paths
            missing = [address for address in self.cfg.address if address not in self._paths]
            self.LISTENERS += [sock.UnixSocket(address, self.cfg, self.log) for address in missing]
        self._give_to_group()
        if not self.master_pid:
            self._write_pidfile()
        log.info(
            "isula-restd %s listening at %s", self.app.version, ", ".join(f"unix://{path}" for path in self._paths)
        )
        # The worker is a fork: pages that the collector does not write to stay shared with it.
        gc.collect()
        gc.freeze()

    @property
    def _paths(self) -> list[str]:
        return [one.getsockname() for one in self.LISTENERS]

    @property
    def _own_paths(self) -> list[str]:
        return [path for path in self._paths if path not in (self._passed_on or [])]

    def _give_to_group(self) -> None:
        for path in self._own_paths:
            give_to_group(path, self.app.config.group)

    def _write_pidfile(self) -> None:
        path = self.app.config.pidfile
        if path:  # not by `restd.lib.files`, which would bring asyncio into the master
            with open(f"{path}.new", "w", encoding="ascii") as file:
                file.write(f"{os.getpid()}\n")
            os.rename(f"{path}.new", path)

    def halt(self, reason: str | None = None, exit_status: int = 0) -> None:
        """End. Sockets and pidfile stay if a new master has them."""
        last = not (self._replaced or self.master_pid)
        leftover = [*self._own_paths, self.app.config.pidfile] if last else []
        if last:
            systemd.notify(STOPPING=1)
        self.systemd = True  # gunicorn would unlink all or none
        try:
            super().halt(reason, exit_status)
        finally:
            for path in filter(None, leftover):
                _unlink(path)

    def _forward(self, number: int) -> None:
        """Whoever ends this master means the new one beside it as well."""
        if self.reexec_pid:
            os.kill(self.reexec_pid, number)
            self.reexec_pid = 0

    def handle_term(self) -> None:
        """TERM: end, letting requests finish."""
        self._forward(signal.SIGTERM)
        super().handle_term()

    def handle_int(self) -> None:
        """INT: end."""
        self._forward(signal.SIGINT)
        super().handle_int()

    def handle_quit(self) -> None:
        """QUIT: end."""
        self._forward(signal.SIGQUIT)
        super().handle_quit()

    def handle_ttin(self) -> None:
        """TTIN, TTOU: gunicorn would change the number of workers, which is one."""

    handle_ttou = handle_ttin

    def handle_winch(self) -> None:
        """WINCH: a terminal's size is nothing to a daemon."""

    # -- a new worker ----------------------------------------------------------------------------------------------

    def handle_hup(self) -> None:
        """HUP: a new worker with the present code and daemon.json."""
        if self._is_free("HUP") and self.app.read_file():
            log.info("reloading: a new worker takes over when it is ready")
            systemd.reloading()
            self._spawn()
            self._successor = self.worker_age

    def _is_free(self, wish: str) -> bool:
        """Whether nobody is being replaced; else the wish is kept until then."""
        if self._successor or self.reexec_pid or self.master_pid:
            self._wanted = wish
            return False
        return True

    def manage_workers(self) -> None:
        """Called after each signal, and every second: see how a replacement went, start a worker if there is none."""
        ages = [worker.age for worker in self.WORKERS.values()]
        if self._successor and ages == [self._successor]:
            if any(serves(worker) for worker in self.WORKERS.values()):
                self._reloaded()
        elif self._successor and self._successor not in ages:
            self._not_reloaded()
        if not ages and not self.reexec_pid:
            self._start_worker()
        if self._wanted and not (self._successor or self.reexec_pid or self.master_pid):
            wish, self._wanted = self._wanted, ""
            (self.handle_hup if wish == "HUP" else self.handle_usr2)()

    def _reloaded(self) -> None:
        self._successor = 0
        log.info("reloaded: the new worker serves")
        group = self.app.config.group
        if self.app.accept_file():
            self.setup(self.app)
            if self.app.config.group != group:
                self._give_to_group()

    def _not_reloaded(self) -> None:
        self._successor = 0
        self.app.drop_file()
        log.error("not reloaded: the new worker has ended; the code and the configuration of before stay in use")
        systemd.notify(READY=1, STATUS="Serving; the last reload failed, see the log")

    def _start_worker(self) -> None:
        """A worker for none: at once, then with growing pauses if it does not come up."""
        now = time.monotonic()
        if now - self._begun < self._pause:
            return
        steady = now - self._begun > STEADY_SECONDS + self._pause
        self._pause = 0.0 if steady else min(max(FIRST_PAUSE, self._pause * 2), LONGEST_PAUSE)
        self._spawn()

    def _spawn(self) -> None:
        self._begun = time.monotonic()
        self.spawn_worker()

    # -- a new master ----------------------------------------------------------------------------------------------

    def handle_usr2(self) -> None:
        """USR2: a new master with the same sockets, from the program file as it is now. It ends this one (USR1)."""
        if self._is_free("USR2"):
            log.info("upgrading: a new master takes over when its worker is ready")
            self.reexec()

    def reexec(self) -> None:
        """Start the same command line again. gunicorn forks and would go on as a second master if the exec failed."""
        environment = dict(os.environ)
        environment["GUNICORN_PID"] = str(os.getpid())
        environment["GUNICORN_FD"] = ",".join(str(one.fileno()) for one in self.LISTENERS)
        environment[KEPT] = self.app.handed(self._passed_on)
        systemd.reloading()
        try:
            self.reexec_pid = os.posix_spawn(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
        except OSError as error:
            self._not_upgraded(f"{sys.executable}: {error.strerror}")

    def reap_workers(self) -> None:
        """Take notice of children that have ended."""
        upgrading = self.reexec_pid
        super().reap_workers()
        if upgrading and not self.reexec_pid and not self._replaced:
            self._not_upgraded("the new master has ended")

    def _not_upgraded(self, reason: str) -> None:
        log.error("not upgraded: %s; the present one stays", reason)
        systemd.notify(READY=1, MAINPID=os.getpid(), STATUS="Serving; the last upgrade failed, see the log")

    def handle_usr1(self) -> None:
        """USR1: the new master's worker serves, and this master is done. (gunicorn would reopen log files.)"""
        if self.reexec_pid:
            self._replaced = True
            raise StopIteration

    def maybe_promote_master(self) -> None:
        """Once the old master is gone, this one is the daemon."""
        before = self.master_pid
        super().maybe_promote_master()
        if before and not self.master_pid:
            self._write_pidfile()


def serves(worker: Worker) -> bool:
    """Whether a worker has come as far as to answer clients; it has written that into the file it beats on."""
    try:
        return os.fstat(worker.tmp.fileno()).st_size > 0
    except (OSError, ValueError):
        return False


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        log.warning("%s could not be removed: %s", path, error.strerror)
