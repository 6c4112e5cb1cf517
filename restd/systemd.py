"""What systemd tells the daemon and wants to hear.

Sources: sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3), systemd.exec(5). The variables are renamed at the
start: gunicorn would say READY before the engine can answer, and programs that the daemon starts should not find them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
import time
from collections.abc import Mapping, MutableMapping
from typing import Any

log = logging.getLogger(__name__)

NOTIFY, WATCHDOG = "ISULA_NOTIFY_SOCKET", "ISULA_WATCHDOG_USEC"
_SESSION = re.compile(r"session-[^/]+\.scope")
_FIRST_PASSED = 3
_BOOTED = "/run/systemd/system"


def adopt(environment: MutableMapping[str, str]) -> None:
    """Take the variables away and keep what they say, also for the master that replaces this one (USR2)."""
    address = environment.pop("NOTIFY_SOCKET", "")
    if address:
        environment[NOTIFY] = address
    interval, pid = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
    if interval.isdigit() and pid in ("", str(os.getpid())):
        environment[WATCHDOG] = interval


def passed_sockets(environment: Mapping[str, str]) -> list[str]:
    """The paths of the unix sockets that systemd opened for this process; ValueError for one of another kind.

    gunicorn takes them (sd_listen_fds(3)); here they are only looked at.
    """
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return []
    paths = []
    for descriptor in range(_FIRST_PASSED, _FIRST_PASSED + int(environment.get("LISTEN_FDS", "0"))):
        try:
            with socket.socket(fileno=os.dup(descriptor)) as passed:
                family, name = passed.family, passed.getsockname()
        except OSError as error:
            raise ValueError(f"descriptor {descriptor} from systemd is no socket: {error.strerror}") from error
        if family != socket.AF_UNIX or not isinstance(name, str):
            raise ValueError(f"the socket {name} from systemd can't be served: only unix sockets with a path are")
        paths.append(name)
    return paths


def notify(**fields: object) -> None:
    """Tell systemd, if it started the daemon: `notify(READY=1, STATUS="...")`."""
    address = os.environ.get(NOTIFY, "")
    if not address:
        return
    target: Any = "\0" + address[1:] if address.startswith("@") else address
    text = "".join(f"{name}={value}\n" for name, value in fields.items())
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.settimeout(1.0)  # its queue may be full
        connection.connect(target)
        connection.sendall(text.encode())


def reloading() -> None:
    """A reload begins; READY or `notify(READY=1)` ends it."""
    notify(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000, STATUS="A new worker is being prepared")


def watched() -> bool:
    """Whether systemd wants to hear that the daemon is alive; the heartbeat of a second is frequent enough for it."""
    return WATCHDOG in os.environ


def by_hand(environment: Mapping[str, str], root: str = "/") -> str:
    """Why it matters that the daemon was started by hand, for the log; empty if systemd started it or isn't there."""
    if not os.path.isdir(root + _BOOTED.lstrip("/")) or _is_service(environment):
        return ""
    reason = "started by hand, not by systemd: nobody starts it again if it ends"
    try:
        with open(f"{root}proc/self/cgroup", encoding="utf-8", errors="replace") as file:
            session = _SESSION.search(file.read(1 << 16))
    except OSError:
        session = None
    if session is None:
        return reason
    return (
        f"{reason}, and shims, which go on without it, belong to the login session {session[0]}: "
        "with KillUserProcesses=yes in logind.conf they end at logout, and their containers' streams with them"
    )


def _is_service(environment: Mapping[str, str]) -> bool:
    """Whether systemd started this very process. A shell in a user's session has some of the variables too."""
    main = environment.get("SYSTEMD_EXEC_PID", "")
    if main:
        return main == str(os.getpid())
    return NOTIFY in environment or ("INVOCATION_ID" in environment and os.getppid() == 1)
