"""`attach`: this terminal becomes that of a running container."""

from __future__ import annotations

from contextlib import suppress

from client import paths, tty
from client.container_options import DETACH_NOTE, detach_keys
from client.errors import ClientError, EngineError
from client.interaction import STOPPED_SECONDS, Interaction, check_terminal, last_code
from client.options import Option
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Attach; returns the container's exit code, or 0 if it goes on."""
    path = paths.container(arguments.words[0])
    with engine.open("POST", path + "/wait") as ending:
        about = engine.call("GET", path + "/json")
        state, config = about["State"], about["Config"]
        for word, advice in (("Paused", "unpause it first"), ("Restarting", "wait until it is running")):
            if state.get(word):
                raise ClientError(f"You cannot attach to a {word.lower()} container, {advice}")
        if not state["Running"]:
            raise ClientError("You cannot attach to a stopped container, start it first")
        terminal = bool(config["Tty"])
        keyboard = bool(config["OpenStdin"]) and not arguments.flag("no-stdin")
        check_terminal(terminal, keyboard)
        if terminal:
            _redraw(engine, path)
        query = {"stream": 1, "stdin": keyboard, "stdout": 1, "stderr": 1, "detachKeys": arguments.text("detach-keys")}
        with (
            Interaction(engine, terminal, keyboard, arguments.flag("sig-proxy")) as interaction,
            engine.open("POST", path + "/attach", query, upgrade=True) as stream,
        ):
            ended = interaction.talk(stream, path, about["Id"], ending, STOPPED_SECONDS)
        return last_code(engine, ended, ending, path)


def _redraw(engine: Engine, path: str) -> None:
    """Give the terminal another size for a moment: programs that fill the screen then draw it anew."""
    size = tty.size(1, 0)
    if size:
        with suppress(EngineError):
            engine.call("POST", path + "/resize", {"h": size[0] + 1, "w": size[1] + 1})


VERB = Verb(
    run,
    (
        detach_keys(),
        Option("no-stdin", "Leave the container's stdin alone"),
        Option("sig-proxy", "Pass signals on (true)", default=True),
    ),
    words="CONTAINER",
    least=1,
    most=1,
    example="isula-rest attach --detach-keys ctrl-p,ctrl-q web",
    note=DETACH_NOTE,
)
