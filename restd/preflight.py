"""What can be known to be wrong before anything is started, each with a sentence that says what to do.

Run once by the master, before it listens.
"""

from __future__ import annotations

import errno
import grp
import logging
import os
import shutil
import socket
import stat
import time

from restd import systemd
from restd.config import Config
from restd.lib.sockets import peer_of

log = logging.getLogger(__name__)

CONNECT_SECONDS = 2.0
ENDING_SECONDS = 3.0
"""How long a socket may still be answered on by the worker of a daemon whose master was killed."""


class StartError(Exception):
    """The daemon can't start; the text says why."""


def check(config: Config) -> None:
    """Raise StartError for the first thing that would keep the daemon from working; makes the folders it needs."""
    if os.geteuid() != 0:
        raise StartError("isula-restd must run as root: it mounts file systems and makes namespaces")
    # 0711: a container's user must be able to pass through to its root file system, nobody may list.
    _folder("graph", config.graph, 0o711)
    _folder("state", config.state, 0o711)
    if "GUNICORN_FD" not in os.environ:  # else this master replaces another one, and has its sockets
        _sockets(config)
    _pidfile(config.pidfile)
    check_runtime(config)


def _sockets(config: Config) -> None:
    try:
        passed = systemd.passed_sockets(os.environ)
    except ValueError as error:
        raise StartError(str(error)) from error
    deadline = time.monotonic() + ENDING_SECONDS
    for path in (host.removeprefix("unix://") for host in config.hosts):
        if path not in passed:
            _free_socket(path, deadline)


def _folder(key: str, path: str, mode: int) -> None:
    try:
        os.makedirs(path, mode, exist_ok=True)
        os.chmod(path, mode)
        probe = os.path.join(path, ".writable")
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        os.unlink(probe)
    except OSError as error:
        raise StartError(f"{key} folder {path} can't be used: {error.strerror}") from error


def _free_socket(path: str, deadline: float) -> None:
    """Wait until nobody answers at `path`; StartError if somebody still does at `deadline`."""
    while not _is_free(path):
        if time.monotonic() > deadline:
            raise StartError(f"socket {path} is taken: a daemon already answers there (stop it, or use another --host)")
        time.sleep(0.05)


def _is_free(path: str) -> bool:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        except OSError as error:
            raise StartError(f"the folder of socket {path} can't be made: {error.strerror}") from error
        return True
    if not stat.S_ISSOCK(mode):
        raise StartError(f"{path} exists and is not a socket: move it away, or listen elsewhere (--host)")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(CONNECT_SECONDS)
        try:
            probe.connect(path)
            if peer_of(probe).pid == 1:
                raise StartError(
                    f"socket {path} is systemd's, which starts the daemon for whoever connects: systemctl start "
                    "isula-restd, or systemctl stop isula-restd.socket first"
                )
        except TimeoutError:
            pass
        except OSError as error:
            if error.errno in (errno.ECONNREFUSED, errno.ENOENT):
                return True
            raise StartError(f"socket {path} can't be examined: {error.strerror}") from error
    return False


def _pidfile(path: str) -> None:
    if path and not os.path.isdir(os.path.dirname(path)):
        raise StartError(f"pidfile {path} can't be written: there is no folder {os.path.dirname(path)}")


def check_runtime(config: Config) -> None:
    """Raise StartError if the default runtime is not there."""
    name = config.default_runtime
    path = config.runtimes[name].path if name in config.runtimes else name
    if name.startswith("io.containerd.") or name == "lcr":
        return
    if shutil.which(path) is None:
        raise StartError(
            f"the default runtime {name!r} is not installed ({path} is not an executable on PATH): "
            "install it, or choose another by default-runtime"
        )


def give_to_group(path: str, group: str) -> None:
    """Let members of `group` use the socket at `path` (mode 0660); no such group: root alone, with a warning."""
    owner = 0
    if group:
        try:
            owner = grp.getgrnam(group).gr_gid
        except KeyError:
            log.warning("there is no group %r: only root may use %s", group, path)
    os.chown(path, 0, owner)
    os.chmod(path, 0o660)
