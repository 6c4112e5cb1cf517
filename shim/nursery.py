"""The nursery: a small process that has imported everything and forks a shim, or a keeper, for each packet it gets.

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

from shim import folder, jsonlog, keeper, life, protocol
from shim.loop import catch_children
from shim.protocol import Birth, Born, ProcessSpec
from shim.rehearsal import fill_holes, rehearse

PACKET_LIMIT = 1 << 20
"""Bytes of one Birth: early input and response heads of a few clients."""
SPEC_LIMIT = 8 << 20
"""Bytes of process.json: an exec's arguments and environment are in it."""
DESCRIPTOR_LIMIT = 253
"""Descriptors of one packet (SCM_MAX_FD)."""
_INT_SIZE = 4
# As plain numbers: arithmetic on the module's enums runs code, and what a shim runs it keeps in its memory.
_TO_KEEP = int(socket.MSG_CMSG_CLOEXEC)
_CUT_OFF = int(socket.MSG_TRUNC | socket.MSG_CTRUNC)
_MORE = b"+"
"""What a shim tells the nursery when it has taken a packet; the end of file alone means that there was none."""
TITLE = "isula-rest-shim"
KEEPER_TITLE = "isula-rest-keeper"


def serve(control: socket.socket, state: str) -> None:
    """Fork a shim for each packet on `control` until it closes. `state`: a folder for the rehearsal.

    Between births this process does next to nothing: each page that it writes to is no longer shared with the shims
    born before. So it does not even read the packets: the new shim does.
    """
    endings = jsonlog.message_endings()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # meant for the daemon, which closes the socket; a shim outlives them
    catch_children()
    sys._clear_type_cache()  # full of what imports looked up: each later entry would touch the evicted one's name
    with contextlib.suppress(OSError):  # then shims get larger, no more
        rehearse(endings, state)
    gc.collect()
    held = fill_holes()  # noqa: F841  # kept by being named
    gc.disable()
    gc.freeze()
    while _shim_ahead(control, endings):
        pass


def _shim_ahead(control: socket.socket, endings: list[bytes]) -> bool:
    """Fork the next shim, which waits for a packet, and wait until it has taken one; False if there will be none.

    The fork is done before anybody asks: a birth does not wait for it.
    """
    taken, taking = os.pipe2(os.O_CLOEXEC)
    try:
        between = os.fork()
        if between == 0:
            _leave(_detach, control, taking, endings)
        os.waitpid(between, 0)
    except OSError as error:
        _refuse(control, f"the shim could not be forked: {error}")
        os.write(taking, _MORE)
    os.close(taking)
    more = os.read(taken, 1)  # nothing, if the shim ended without a packet
    os.close(taken)
    return more == _MORE


def _detach(control: socket.socket, taking: int, endings: list[bytes]) -> None:
    """In the process between: fork once more and end, so that the shim is nobody's child but init's.

    Whoever kills the daemon with all its descendants does not mean the containers.
    """
    try:
        shim = os.fork()
    except OSError as error:
        _refuse(control, f"the shim could not be forked: {error}")
        os.write(taking, _MORE)
        return
    if shim == 0:
        _begin(control, taking, endings)


def _take(control: socket.socket) -> tuple[bytes, list[int], int]:
    """One packet: its bytes, descriptors and flags."""
    data, extra, flags, _ = control.recvmsg(PACKET_LIMIT, socket.CMSG_SPACE(DESCRIPTOR_LIMIT * _INT_SIZE), _TO_KEEP)
    descriptors: list[int] = []
    for _, _, content in extra:  # nothing but SCM_RIGHTS comes through this socket
        descriptors += memoryview(content).cast("i").tolist()
    return data, descriptors, flags


def _begin(control: socket.socket, taking: int, endings: list[bytes]) -> None:
    """A shim's first steps: its orders, a session of its own, its name."""
    data, descriptors, flags = _take(control)
    if data:
        os.write(taking, _MORE)
    os.close(taking)
    os.close(control.fileno())
    if not descriptors:
        return
    try:
        if flags & _CUT_OFF:
            raise ValueError("the birth's packet is too large")
        birth = protocol.decode(Birth, data)
        os.setsid()
        if birth.keeper:
            _call_oneself(KEEPER_TITLE, birth.state)
        else:
            spec = protocol.decode(ProcessSpec, folder.read(f"{birth.state}/{protocol.PROCESS_FILE}", SPEC_LIMIT))
            prctl.set_child_subreaper(1)
            _call_oneself(TITLE, birth.state.rpartition("/")[2])
    except (OSError, ValueError, TypeError) as error:
        _answer(descriptors[0], f"the shim could not start: {error}")
        return
    if birth.keeper:
        keeper.begin(birth.state, descriptors[0])
    else:
        life.begin(birth, spec, descriptors[0], descriptors[1:], endings)


def _call_oneself(title: str, whose: str) -> None:
    prctl.set_name(title)
    prctl.set_proctitle(f"{title} {whose}")


def _refuse(control: socket.socket, reason: str) -> None:
    """Wait for a packet, take it and say no."""
    _, descriptors, _ = _take(control)
    if descriptors:
        _answer(descriptors[0], reason)
    for descriptor in descriptors:
        os.close(descriptor)


def _answer(reply: int, reason: str) -> None:
    with contextlib.suppress(OSError):
        os.write(reply, protocol.encode(Born(ok=False, kind="runtime", message=reason)))


def _leave(task: Callable[..., None], *arguments: object) -> None:
    """Run `task` in a forked process and end the process, whatever happens: it must never return into the server."""
    try:
        task(*arguments)
    except BaseException as error:
        if os.getcwd() != "/":  # the shim has come as far as its folder
            folder.note(error)
    finally:
        os._exit(0)


def main(arguments: list[str]) -> None:
    """`arguments`: the inherited descriptor to serve, the daemon's state folder. Standard input and output are null."""
    descriptor, state = int(arguments[0]), arguments[1]
    prctl.set_name("isula-nursery")
    _normal_oom_score()
    control = socket.socket(fileno=descriptor)
    control.set_inheritable(False)
    os.dup2(0, 2)  # whatever could go wrong while importing has: from here on there is shim-log.json
    os.umask(0o022)
    for name in [name for name in os.environ if name.startswith("MALLOC_")]:
        del os.environ[name]  # meant for this process and its forks, not for runtimes
    serve(control, state)


def _normal_oom_score() -> None:
    """A shim must outlive its container: it is never a likelier victim than an ordinary process."""
    with contextlib.suppress(OSError, ValueError), open("/proc/self/oom_score_adj", "r+b", 0) as file:
        if int(file.read(16)) > 0:
            file.write(b"0")
