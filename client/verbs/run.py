"""`run`: create, attach, wait, start, in that order, so that no byte and no exit code is missed."""

from __future__ import annotations

from contextlib import suppress

from client import paths
from client.container_config import attached
from client.container_options import DETACH_NOTE, RARE, USUAL, detach_keys
from client.creation import create, start_code
from client.errors import ClientError, EngineError
from client.interaction import STOPPED_SECONDS, Interaction, check_terminal, exit_code, last_code
from client.options import Option
from client.output import say
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine, Reply

_REMOVED_SECONDS = 10.0


def run(arguments: Arguments, engine: Engine) -> int:
    """Run the container; returns its exit code, 125 to 127 if it couldn't be started."""
    detached = arguments.flag("detach")
    terminal = arguments.flag("tty")
    try:
        streams = attached(arguments, detached)
    except ValueError as error:
        raise ClientError(str(error), 125) from error
    check_terminal(terminal, "stdin" in streams)
    identifier = create(arguments, engine, detached)
    path = paths.container(identifier)
    if detached:
        _start(engine, path, None, arguments)
        say(identifier)
        return 0
    query = {"stream": 1, "detachKeys": arguments.text("detach-keys"), **dict.fromkeys(streams, 1)}
    with (
        Interaction(engine, terminal, "stdin" in streams, arguments.flag("sig-proxy")) as interaction,
        engine.open("POST", path + "/attach", query, upgrade=True) as stream,
        engine.open("POST", path + "/wait", {"condition": _condition(arguments)}) as ending,
    ):
        _start(engine, path, ending, arguments)
        ended = interaction.talk(stream, path, identifier, ending, STOPPED_SECONDS if terminal else None)
        return last_code(engine, ended, ending, path)


def _condition(arguments: Arguments) -> str:
    return "removed" if arguments.flag("rm") else "next-exit"


def _start(engine: Engine, path: str, ending: Reply | None, arguments: Arguments) -> None:
    """Start the container; a failure becomes Docker's exit code, after a container with --rm has gone."""
    try:
        engine.call("POST", path + "/start")
    except EngineError as error:
        error.code = start_code(error.message)
        if ending is not None and arguments.flag("rm"):
            ending.connection.settimeout(_REMOVED_SECONDS)
            with suppress(ClientError):  # the start's own error is what counts
                exit_code(ending)
        raise error


VERB = Verb(
    run,
    (
        Option("detach d", "Run in the background and print the container's id"),
        *USUAL,
        detach_keys(),
        *RARE,
        Option("sig-proxy", "", default=True),
    ),
    words="IMAGE [COMMAND] [ARG...]",
    least=1,
    greedy=True,
    example="isula-rest run --rm -it -v /srv:/srv:ro busybox sh",
    note=DETACH_NOTE,
)
