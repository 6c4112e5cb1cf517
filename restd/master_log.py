"""gunicorn's log, in the daemon's own: one format, one level, and a module of 0.8 MB less in the master."""

from __future__ import annotations

import logging
from typing import Any

_LEVELS = {"critical": 50, "error": 40, "warning": 30, "info": 20, "debug": 10}


class MasterLog:
    """What gunicorn calls on its `logger_class`. Its news of every day are debug messages here."""

    def __init__(self, cfg: Any) -> None:
        self._log = logging.getLogger("restd.master")
        self.setup(cfg)

    def setup(self, cfg: Any) -> None:
        """Take up a configuration (at the start, and on HUP)."""
        self.cfg = cfg

    def critical(self, message: str, *arguments: Any, **options: Any) -> None:
        """Log at this level."""
        self._log.critical(message, *arguments, **options)

    def error(self, message: str, *arguments: Any, **options: Any) -> None:
        """Log at this level."""
        self._log.error(message, *arguments, **options)

    def warning(self, message: str, *arguments: Any, **options: Any) -> None:
        """Log at this level."""
        self._log.warning(message, *arguments, **options)

    def info(self, message: str, *arguments: Any, **options: Any) -> None:
        """gunicorn tells of each worker and signal: that is for debugging."""
        self._log.debug(message, *arguments, **options)

    def debug(self, message: str, *arguments: Any, **options: Any) -> None:
        """Log at this level."""
        self._log.debug(message, *arguments, **options)

    def exception(self, message: str, *arguments: Any, **options: Any) -> None:
        """Log an error with its traceback."""
        self._log.exception(message, *arguments, **options)

    def log(self, level: int | str, message: str, *arguments: Any, **options: Any) -> None:
        """Log at a level that is a number or a name."""
        number = level if isinstance(level, int) else _LEVELS.get(level.lower(), logging.INFO)
        self._log.log(number, message, *arguments, **options)

    def access(self, *_: Any, **__: Any) -> None:
        """There is no access log: the events tell what clients do."""

    def reopen_files(self) -> None:
        """The log is standard error; whoever reads it rotates it."""

    def close_on_exec(self) -> None:
        """Standard error is inherited on purpose."""
