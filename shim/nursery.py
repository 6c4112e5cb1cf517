"""The nursery: a small process that has imported everything and forks a shim for each packet it gets.

A fork of it costs under a millisecond and about a megabyte; a fresh interpreter 15 ms and 7 MiB. It is started as
`python -I -S -E -c ... FD`, with the standard library, this package and prctl only, and ends when its control socket
closes. A shim imports nothing after the fork, so the package may be replaced under running shims.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
from collections.abc import Callable

import prctl

from shim import jsonlog, life, protocol
from shim.protocol import Birth

PACKET_LIMIT = 1 << 20
"""Bytes of one Birth: early input and response heads of a few clients."""
DESCRIPTOR_LIMIT = 253
"""Descriptors of one packet (SCM_MAX_FD)."""
TITLE = "isula-rest-shim"


def serve(control: socket.socket) -> None:
    """Fork a shim for each packet on `control` until it closes. In a shim this returns when the shim's life is over."""
    endings = jsonlog.message_endings()
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a terminal's signals are meant for the daemon, which closes the socket
    gc.collect()
    gc.disable()
    gc.freeze()
    while True:
        try:
            data, descriptors, flags, _ = socket.recv_fds(
                control, PACKET_LIMIT, DESCRIPTOR_LIMIT, socket.MSG_CMSG_CLOEXEC
            )
        except InterruptedError:
            continue
        except OSError:
            return
        if not data:
            return
        truncated = bool(flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC))
        _birth(control, data, descriptors, truncated, endings)


def _birth(control: socket.socket, data: bytes, descriptors: list[int], truncated: bool, endings: list[bytes]) -> None:
    """Fork twice, so that the shim is nobody's child but init's, and own nothing of it afterwards."""
    try:
        middle = os.fork()
    except OSError as error:
        os.write(2, f"fork: {error}\n".encode())
        middle = -1
    if middle == 0:
        _leave(lambda: _second_fork(control, data, descriptors, truncated, endings))
    for descriptor in descriptors:
        os.close(descriptor)
    if middle > 0:
        os.waitpid(middle, 0)


def _second_fork(
    control: socket.socket, data: bytes, descriptors: list[int], truncated: bool, endings: list[bytes]
) -> None:
    os.setsid()
    if os.fork() == 0:
        control.close()
        _shim(data, descriptors, truncated, endings)


def _leave(task: Callable[[], None]) -> None:
    """Run `task` in a forked process and end the process, whatever happens: it must never return into the server."""
    try:
        task()
    except BaseException as error:
        life.note(error)
    finally:
        os._exit(0)


def _shim(data: bytes, descriptors: list[int], truncated: bool, endings: list[bytes]) -> None:
    """Become a shim."""
    null = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)
    os.umask(0o022)
    prctl.set_child_subreaper(1)
    prctl.set_name(TITLE)
    reply = socket.socket(fileno=descriptors[0])
    if truncated:
        reply.send(protocol.encode(protocol.Born(ok=False, kind="runtime", message="the birth's packet is too large")))
        return
    try:
        birth = protocol.decode(Birth, data)
    except (ValueError, TypeError) as error:
        reply.send(protocol.encode(protocol.Born(ok=False, kind="runtime", message=f"bad birth packet: {error}")))
        return
    prctl.set_proctitle(f"{TITLE} {os.path.basename(birth.state)}")
    _normal_oom_score()
    life.begin(birth, reply, descriptors[1:], endings)


def _normal_oom_score() -> None:
    """The shim of a container must outlive it: as unlikely a victim as the daemon's own setting allows."""
    try:
        with open("/proc/self/oom_score_adj", "r+b", 0) as file:
            if int(file.read(16)) > 0:
                file.write(b"0")
    except (OSError, ValueError):
        return


def main(arguments: list[str]) -> None:
    """Serve on the inherited descriptor that `arguments` names."""
    descriptor = int(arguments[0])
    prctl.set_name("isula-nursery")
    control = socket.socket(fileno=descriptor)
    control.set_inheritable(False)
    serve(control)
