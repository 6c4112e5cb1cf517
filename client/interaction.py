"""A session from its handshake to its exit code: what `run`, `start -a`, `attach` and `exec` have in common."""

from __future__ import annotations

import signal
from contextlib import nullcontext

from client import tty
from client.errors import ClientError, EngineError
from client.session import Session, Streams, forwarder, resizer, tell_not_stopped
from client.signals import PROXIED, Signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from client.transport import Engine, Reply

STOPPED_SECONDS = 1.0


class Interaction:
    """The user's side of one session.

    `terminal`: the process has a terminal. `keyboard`: stdin goes to the process. `proxy`: signals go to the
    container (but for a keyboard that is a terminal, which has keys for it). Use it as a context: within it signals
    are collected.
    """

    def __init__(self, engine: Engine, terminal: bool, keyboard: bool, proxy: bool = False) -> None:
        self._engine = engine
        self.terminal = terminal
        self.keyboard = keyboard
        self._proxied = PROXIED if proxy and not (terminal and keyboard) else ()
        self._signals = Signals((*self._proxied, signal.SIGWINCH) if terminal else self._proxied)

    def __enter__(self) -> Interaction:
        self._signals.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._signals.__exit__()

    def talk(
        self, stream: Reply, path: str, container: str = "", ending: Reply | None = None, patience: float | None = None
    ) -> bool:
        """Copy until the end; `path` is what gets resized. Returns whether the container is known to have ended."""
        streams = Streams(stream, self.terminal, 0 if self.keyboard else None)
        forward: Callable[[int], None] | None = forwarder(self._engine, container) if self._proxied else None
        resize = resizer(self._engine, path) if self.terminal else None
        session = Session(streams, self._signals, ending, resize, forward, lambda: tty.size(1, 0))
        raw = tty.Raw(0) if self.terminal and self.keyboard and tty.is_terminal(0) else nullcontext()
        with raw:
            return session.run(patience)


def check_terminal(terminal: bool, keyboard: bool) -> None:
    """A terminal in the container whose keyboard is not a terminal makes no sense."""
    if terminal and keyboard and not tty.is_terminal(0):
        raise ClientError("the input device is not a TTY")


def exit_code(ending: Reply) -> int:
    """The container's exit code out of the reply to a wait."""
    try:
        answer = ending.json() or {}
    except ClientError as error:
        error.code = 125
        raise
    problem = (answer.get("Error") or {}).get("Message")
    if problem:
        raise ClientError(f"Error waiting for the container: {problem}", 125)
    return int(answer.get("StatusCode", 0))


def last_code(engine: Engine, ended: bool, ending: Reply, path: str) -> int:
    """The exit code of a session whose stream has ended: the container's, or 0 if it goes on without us."""
    if ended:
        return exit_code(ending)
    try:
        running = engine.call("GET", path + "/json")["State"]["Running"]
    except EngineError as error:
        if error.status != 404:
            raise
        running = False
    if not running:
        return exit_code(ending)
    tell_not_stopped()
    return 0
