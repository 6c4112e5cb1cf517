"""`isula-restd`: command line and daemon.json -> Config -> gunicorn application.

gunicorn's master holds the listening sockets and one worker (`restd.master`); the worker holds the engine
(`restd.worker`).
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
from collections.abc import Mapping
from typing import Any

from restd import __version__, systemd
from restd.config import ConfigError, load, parser, read_file
from restd.daemon import Daemon
from restd.master import KEPT, Master
from restd.preflight import StartError, check
from restd.reload import keep_fixed

log = logging.getLogger("restd")


def main() -> None:
    """Start the daemon; returns only by `sys.exit`."""
    if parser().parse_args().version:
        print(f"isula-restd {__version__}")
        return
    handed: Mapping[str, Any] = json.loads(os.environ.pop(KEPT, "{}"))
    try:
        file = read_file()
        config, refusals = keep_fixed(load(content=file), handed.get("kept", {}))
        _set_up_logging(config.log_level)
        check(config)
    except (ConfigError, StartError) as error:
        sys.exit(f"isula-restd: {error}")
    for refusal in refusals:
        log.error("configuration: %s", refusal)
    os.umask(0o022)
    _raise_descriptor_limit()
    systemd.adopt(os.environ)
    if not handed and (reason := systemd.by_hand(os.environ)):
        log.info("%s", reason)
    Master(Daemon(config, file, handed.get("passed_on"))).run()


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
