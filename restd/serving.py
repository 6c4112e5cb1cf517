"""What the worker process does: the engine on an asyncio loop, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Any

from restd.app import Application
from restd.config import Config
from restd.lib.memory import one_arena, settle
from restd.lib.tasks import TaskGroup

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1.0


async def serve(
    config: Config,
    sockets: Sequence[socket.socket],
    master: int,
    stop_seconds: float,
    beat: Callable[[], None],
    ready: Callable[[], None],
) -> None:
    """Build the engine, call `ready` once it answers on `sockets`, stop it on TERM, INT or QUIT, or without a master.

    `beat` is called every second, to show that the loop turns; `master` is the pid of the parent.
    """
    one_arena()
    for listener in sockets:
        # gunicorn lets its children inherit them, for a new master; ours would answer clients with silence.
        listener.set_inheritable(False)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        loop.add_signal_handler(number, stop.set)
    tasks = TaskGroup("worker")
    tasks.start(_beat(beat), "heartbeat")
    _end_with(master, stop)
    application = Application(config)
    try:
        starting = tasks.start(application.start(sockets), "start")
        stopping = tasks.start(stop.wait(), "stop")
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            ready()
            settle()
            notify(f"READY=1\nMAINPID={master}\n")
            await stopping
    finally:
        await application.stop(stop_seconds)
        await tasks.close()


async def _beat(beat: Callable[[], None]) -> None:
    while True:
        beat()
        await asyncio.sleep(HEARTBEAT_SECONDS)


def _end_with(master: int, stop: asyncio.Event) -> None:
    """Set `stop` as soon as the process `master` has ended: the daemon that is started next wants its sockets."""
    loop = asyncio.get_running_loop()

    def gone() -> None:
        log.info("the master is gone, stopping")
        loop.remove_reader(descriptor)
        os.close(descriptor)
        stop.set()

    descriptor = os.pidfd_open(master)
    loop.add_reader(descriptor, gone)
    if os.getppid() != master:  # it ended before it was watched, and the pid may be another's
        gone()


def notify(state: str) -> None:
    """Tell systemd, if it started the daemon (sd_notify(3))."""
    address = os.environ.get("ISULA_NOTIFY_SOCKET", "")
    if not address:
        return
    target: Any = "\0" + address[1:] if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.connect(target)
        connection.sendall(state.encode())
