"""What the worker process does: the engine on an asyncio loop, until told to stop or replaced."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

from restd import systemd
from restd.app import Application
from restd.config import Config, ConfigError, load
from restd.lib.memory import one_arena, settle
from restd.lib.processes import parent_of
from restd.lib.tasks import TaskGroup
from restd.preflight import StartError, check_runtime
from restd.reload import keep_fixed
from restd.succession import StateTaken, Successor

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1.0
AFTERMATH_SECONDS = 1.0
"""How long a worker that has been replaced waits for requests that it could not wait for before."""


def run(orders: Mapping[str, Any]) -> bool:
    """Serve as `orders` say (see `restd.worker`). False, with the reason in the log, if it did not come to that."""
    try:
        config, refusals = keep_fixed(load(orders["arguments"], orders["file"]), orders["kept"])
        if orders.get("reload"):
            check_runtime(config)
    except (ConfigError, StartError) as error:
        log.error("the configuration can't be used: %s", error)
        return False
    for refusal in refusals:
        log.error("configuration: %s", refusal)
    try:
        asyncio.run(serve(config, orders))
    except StateTaken as error:
        log.critical("%s", error)
        return False
    return True


async def serve(config: Config, orders: Mapping[str, Any]) -> None:
    """Build the engine, answer, and go: on TERM, INT or QUIT, without a master, or when a successor has taken over."""
    one_arena()
    for listener in orders["sockets"]:
        # gunicorn lets its children inherit them, for a new master; ours would answer clients with silence.
        listener.set_inheritable(False)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tasks = TaskGroup("worker")
    tasks.start(_beat(orders["beat"]), "heartbeat")
    _end_with(orders["master"], stop)
    successors: asyncio.Queue[Successor] = asyncio.Queue()
    application = Application(config)
    successor: Successor | None = None
    try:
        starting = tasks.start(application.start(orders["sockets"], successors.put_nowait), "start")
        stopping = tasks.start(stop.wait(), "stop")
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            orders["ready"]()
            settle()
            _tell(orders["master"], orders.get("predecessor", 0))
            replacing = tasks.start(_replaced(application, successors, config.shutdown_timeout), "replacement")
            await asyncio.wait({replacing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            successor = replacing.result() if replacing.done() else None
            replacing.cancel()
    finally:
        await application.stop(AFTERMATH_SECONDS if successor else config.shutdown_timeout * 0.9)
        if successor is not None:
            successor.close()
        await tasks.close()


async def _replaced(application: Application, successors: asyncio.Queue[Successor], seconds: float) -> Successor:
    """The successor that has our clients now."""
    while True:
        successor = await successors.get()
        if await application.hand_over(successor, seconds):
            return successor
        successor.close()


async def _beat(beat: Callable[[], None]) -> None:
    watched = systemd.watched()
    while True:
        beat()
        if watched:
            systemd.notify(WATCHDOG=1)
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


def _tell(master: int, predecessor: int) -> None:
    """Tell who waits for this worker to serve: systemd, and the master that ours replaces."""
    systemd.notify(READY=1, MAINPID=master, STATUS="Serving")
    if predecessor and parent_of(master) == predecessor:
        os.kill(predecessor, signal.SIGUSR1)
