"""`exec`: another process in a running container."""

from __future__ import annotations

import os
import time

from client import environment, paths, tty
from client.container_options import DETACH_NOTE, detach_keys
from client.creation import start_code
from client.errors import ClientError, EngineError
from client.interaction import STOPPED_SECONDS, Interaction, check_terminal
from client.options import Option
from client.session import tell_not_stopped
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from client.options import Arguments
    from client.transport import Engine

_INTERVAL = 0.05


def run(arguments: Arguments, engine: Engine) -> int:
    """Run the command; returns its exit code."""
    terminal, detached = arguments.flag("tty"), arguments.flag("detach")
    keyboard = arguments.flag("interactive") and not detached
    check_terminal(terminal, keyboard)
    console = tty.size(1, 0) if terminal and not detached else None
    made = engine.call("POST", paths.container(arguments.words[0], "/exec"), body=_body(arguments, console))
    identifier = str(made["Id"])
    start: dict[str, Any] = {"Detach": detached, "Tty": terminal}
    if console:
        start["ConsoleSize"] = list(console)
    path = f"/exec/{identifier}"
    try:
        if detached:
            engine.call("POST", path + "/start", body=start)
            return 0
        with (
            Interaction(engine, terminal, keyboard) as interaction,
            engine.open("POST", path + "/start", body=start, upgrade=True) as stream,
        ):
            interaction.talk(stream, path)
    except EngineError as error:
        error.code = start_code(error.message)
        raise
    return _exit_code(engine, path, STOPPED_SECONDS if terminal else None)


def _body(arguments: Arguments, console: tuple[int, int] | None) -> dict[str, Any]:
    detached = arguments.flag("detach")
    try:
        variables = environment.variables(arguments.many("env-file"), arguments.many("env"), os.environ)
    except ValueError as error:
        raise ClientError(str(error), 125) from error
    body: dict[str, Any] = {
        "Cmd": arguments.words[1:],
        "AttachStdin": arguments.flag("interactive") and not detached,
        "AttachStdout": not detached,
        "AttachStderr": not detached,
        "Tty": arguments.flag("tty"),
        "Privileged": arguments.flag("privileged"),
        "DetachKeys": arguments.text("detach-keys"),
    }
    more = {"User": arguments.text("user"), "WorkingDir": arguments.text("workdir"), "Env": variables}
    body.update((key, value) for key, value in more.items() if value)
    if console:
        body["ConsoleSize"] = list(console)
    return body


def _exit_code(engine: Engine, path: str, patience: float | None) -> int:
    """The exit code once the stream has ended; with a terminal the process may go on without us."""
    limit = time.monotonic() + (patience or 0)
    while True:
        state = engine.call("GET", path + "/json")
        if not state.get("Running"):
            return int(state.get("ExitCode") or 0)
        if time.monotonic() >= limit:
            break
        time.sleep(_INTERVAL)
    if patience is None:
        raise ClientError("the connection to the process was lost while it still runs", 125)
    tell_not_stopped()
    return 0


VERB = Verb(
    run,
    (
        Option("interactive i", "Keep stdin open"),
        Option("tty t", "Give the command a terminal"),
        Option("detach d", "Run in the background"),
        Option("env e", "Set a variable; a bare name takes the client's value", "NAME[=VALUE]", many=True),
        Option("env-file", "Read variables from a file", "FILE", many=True),
        Option("user u", "User, by name or number", "USER[:GROUP]"),
        Option("workdir w", "Working directory in the container", "DIR"),
        Option("privileged", "Give all privileges of the engine's host"),
        detach_keys(),
    ),
    words="CONTAINER COMMAND [ARG...]",
    least=2,
    greedy=True,
    example="isula-rest exec -it web sh",
    note=DETACH_NOTE,
)
