"""The nursery: a small process that has imported everything and forks a shim for each packet it gets.

A fork of it costs under a millisecond and about a megabyte; a fresh interpreter 15 ms and 7 MiB. It is started as
`python -I -S -E -c ... FD`, with the standard library, this package and prctl only, and ends when its control socket
closes. A shim imports nothing after the fork, so the package may be replaced under running shims.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable

import prctl

from shim import folder, jsonlog, life, protocol
from shim.loop import catch_children
from shim.protocol import Birth, Born, ProcessSpec
from shim.rehearsal import fill_holes, rehearse

PACKET_LIMIT = 1 << 20
"""Bytes of one Birth: early input and response heads of a few clients."""
DESCRIPTOR_LIMIT = 253
"""Descriptors of one packet (SCM_MAX_FD)."""
TITLE = "isula-rest-shim"


def serve(control: socket.socket) -> None:
    """Fork a shim for each packet on `control` until it closes. In a shim this returns when the shim's life is over."""
    endings = jsonlog.message_endings()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # meant for the daemon, which closes the socket; a shim outlives them
    catch_children()
    sys._clear_type_cache()  # full of what imports looked up: each later entry would touch the evicted one's name
    rehearse(endings)
    gc.collect()
    held = fill_holes()  # noqa: F841  # kept by being named
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
        if descriptors:
            _birth(control, data, descriptors, flags, endings)
            for descriptor in descriptors:
                os.close(descriptor)


def _birth(control: socket.socket, data: bytes, descriptors: list[int], flags: int, endings: list[bytes]) -> None:
    """Read the orders, then fork twice, so that the shim is nobody's child but init's.

    Whatever can be done before the fork is done here: the pages that it writes to are then shared.
    """
    try:
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise ValueError("the birth's packet is too large")
        birth = protocol.decode(Birth, data)
        with open(f"{birth.state}/{protocol.PROCESS_FILE}", "rb") as file:
            spec = protocol.decode(ProcessSpec, file.read())
        middle = os.fork()
    except (OSError, ValueError, TypeError) as error:
        _refuse(descriptors[0], f"the shim could not start: {error}")
        return
    if middle == 0:
        _leave(lambda: _second_fork(control, birth, spec, descriptors, endings))
    os.waitpid(middle, 0)


def _refuse(descriptor: int, reason: str) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as reply, contextlib.suppress(OSError):
        reply.send(protocol.encode(Born(ok=False, kind="runtime", message=reason)))


def _second_fork(
    control: socket.socket, birth: Birth, spec: ProcessSpec, descriptors: list[int], endings: list[bytes]
) -> None:
    os.setsid()
    if os.fork() == 0:
        control.close()
        os.dup2(0, 2)
        os.umask(0o022)
        prctl.set_child_subreaper(1)
        prctl.set_name(TITLE)
        prctl.set_proctitle(f"{TITLE} {os.path.basename(birth.state)}")
        life.begin(birth, spec, descriptors, endings)


def _leave(task: Callable[[], None]) -> None:
    """Run `task` in a forked process and end the process, whatever happens: it must never return into the server."""
    try:
        task()
    except BaseException as error:
        folder.note(error)
    finally:
        os._exit(0)


def main(arguments: list[str]) -> None:
    """Serve on the inherited descriptor that `arguments` names. Standard input and output are /dev/null."""
    descriptor = int(arguments[0])
    prctl.set_name("isula-nursery")
    _normal_oom_score()
    control = socket.socket(fileno=descriptor)
    control.set_inheritable(False)
    serve(control)


def _normal_oom_score() -> None:
    """A shim must outlive its container: it is never a likelier victim than an ordinary process."""
    with contextlib.suppress(OSError, ValueError), open("/proc/self/oom_score_adj", "r+b", 0) as file:
        if int(file.read(16)) > 0:
            file.write(b"0")
