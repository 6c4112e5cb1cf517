"""What the master runs: gunicorn's application, which here is settings, and the daemon.json that workers go by."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from gunicorn.app.base import BaseApplication

from restd import __version__
from restd.config import Config, ConfigError, load, read_file
from restd.reload import fixed, keep_fixed

log = logging.getLogger(__name__)

SOCKET_UMASK = 0o117
WORKER_HANG_SECONDS = 60


class Daemon(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """The gunicorn application: one worker, sockets of mode 0660, no control socket.

    `config` is what the master itself goes by, `file` the text it is from: that of the worker in service. `passed_on`:
    the paths of the sockets that systemd opened, as an earlier master told this one; None if none did.
    """

    version = __version__

    def __init__(self, config: Config, file: bytes = b"", passed_on: list[str] | None = None) -> None:
        self.config = config
        self.passed_on = passed_on
        self._file = file
        self._read: bytes | None = None  # by a worker that does not serve yet
        self._arguments = sys.argv[1:]
        super().__init__(prog="isula-restd")

    def load_config(self) -> None:
        """gunicorn's settings, from ours."""
        settings: dict[str, Any] = {
            "bind": [f"unix:{host.removeprefix('unix://')}" for host in self.config.hosts],
            "worker_class": "restd.worker.EngineWorker",
            "workers": 1,
            "umask": SOCKET_UMASK,
            "timeout": WORKER_HANG_SECONDS,
            "graceful_timeout": self.config.shutdown_timeout,
            "backlog": 2048,
            "control_socket_disable": True,
            "worker_tmp_dir": self.config.state,
            "logger_class": "restd.master_log.MasterLog",
        }
        for key, value in settings.items():
            self.cfg.set(key, value)

    def load(self) -> dict[str, Any]:
        """What a worker gets from the master, called in the worker's process. See `restd.worker`."""
        return {
            "arguments": self._arguments,
            "file": self._file if self._read is None else self._read,
            "reload": self._read is not None,
            "kept": fixed(self.config),
        }

    def read_file(self) -> bool:
        """Read daemon.json for a new worker; False, with the reason in the log, if it can't be read.

        Whether it makes sense is for the new worker to say: the settings may be those of a newer version.
        """
        try:
            self._read = read_file(self._arguments)
        except ConfigError as error:
            log.error("not reloaded: %s; the configuration of before stays in use", error)
            return False
        return True

    def drop_file(self) -> None:
        """The new worker did not come up."""
        self._read = None

    def accept_file(self) -> bool:
        """The new worker serves: go by its configuration too. False if only its newer code understands it."""
        if self._read is None:
            return False
        self._file, self._read = self._read, None
        try:
            self.config, _ = keep_fixed(load(self._arguments, self._file), fixed(self.config))
        except ConfigError as error:
            log.info("the master goes by the configuration of before: %s", error)
            return False
        logging.getLogger().setLevel(self.config.log_level.upper())
        self.do_load_config()
        return True

    def handed(self, passed_on: list[str] | None) -> str:
        """What the master of an upgrade must know, as JSON; the inverse is in `restd.__main__`."""
        return json.dumps({"kept": fixed(self.config), "passed_on": passed_on})
