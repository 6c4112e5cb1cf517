"""`isula-restd`: command line and daemon.json -> Config -> gunicorn application.

gunicorn's master holds the listening sockets and one worker; the worker holds the engine (`restd.worker`).
"""

from __future__ import annotations

import gc
import logging
import os
import resource
import sys
from typing import Any

from gunicorn.app.base import BaseApplication

from restd import __version__
from restd.config import Config, ConfigError, load, parser
from restd.preflight import StartError, check, give_to_group

log = logging.getLogger("restd")

SOCKET_UMASK = 0o117
WORKER_HANG_SECONDS = 60


class Daemon(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """The gunicorn application: one worker, sockets of mode 0660, no control socket."""

    def __init__(self, config: Config) -> None:
        self.config = config
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
            "pidfile": self.config.pidfile or None,
            "when_ready": self._when_ready,
        }
        for key, value in settings.items():
            self.cfg.set(key, value)

    def load(self) -> Config:
        """What the worker gets: the configuration; it builds the engine itself, in its own process."""
        return self.config

    def reload(self) -> None:
        """HUP: read daemon.json again. A file that can't be used changes nothing but the log.

        What the sockets, folders and files on disk hang on stays as it was until a restart.
        """
        try:
            fresh = load()
        except ConfigError as error:
            log.error("configuration not reloaded: %s", error)
            return
        for key in ("hosts", "graph", "state", "pidfile", "cgroup_parent"):
            if getattr(fresh, key) != getattr(self.config, key):
                log.error("configuration not reloaded: %s can't change while the daemon runs", key.replace("_", "-"))
                return
        self.config = fresh
        self.callable = None
        self.do_load_config()

    def _when_ready(self, arbiter: Any) -> None:
        if not arbiter.systemd:
            for host in self.config.hosts:
                give_to_group(host.removeprefix("unix://"), self.config.group)
        log.info("isula-restd %s listening at %s", __version__, ", ".join(self.config.hosts))
        # The worker is a fork: pages that the collector does not write to stay shared with it.
        gc.collect()
        gc.freeze()


def main() -> None:
    """Start the daemon; returns only by `sys.exit`."""
    if parser().parse_args().version:
        print(f"isula-restd {__version__}")
        return
    try:
        config = load()
        _set_up_logging(config.log_level)
        check(config)
    except (ConfigError, StartError) as error:
        sys.exit(f"isula-restd: {error}")
    os.umask(0o022)
    _raise_descriptor_limit()
    # systemd is told by the worker, once it can answer; gunicorn would say so before.
    os.environ["ISULA_NOTIFY_SOCKET"] = os.environ.pop("NOTIFY_SOCKET", "")
    Daemon(config).run()


def _set_up_logging(level: str) -> None:
    logging.basicConfig(
        stream=sys.stderr,
        level=level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    # Its INFO lines repeat each request's connection; ours are enough.
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def _raise_descriptor_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
