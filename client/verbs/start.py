"""`start`: containers that exist already."""

from __future__ import annotations

from client import paths
from client.container_options import DETACH_NOTE, detach_keys
from client.errors import ClientError
from client.interaction import STOPPED_SECONDS, Interaction, check_terminal, last_code
from client.many import each
from client.options import Option
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Start containers; with `-a` or `-i` one of them, with its streams and its exit code."""
    if not (arguments.flag("attach") or arguments.flag("interactive")):
        return each(engine, "POST", arguments.words, lambda name: paths.container(name, "/start"))
    if len(arguments.words) > 1:
        raise ClientError("you cannot start and attach multiple containers at once")
    about = engine.call("GET", paths.container(arguments.words[0], "/json"))
    path, config = paths.container(about["Id"]), about["Config"]
    terminal = bool(config["Tty"])
    keyboard = arguments.flag("interactive") and bool(config["OpenStdin"])
    check_terminal(terminal, keyboard)
    query = {"stream": 1, "stdin": keyboard, "stdout": 1, "stderr": 1, "detachKeys": arguments.text("detach-keys")}
    condition = "removed" if about["HostConfig"].get("AutoRemove") else "next-exit"
    with (
        Interaction(engine, terminal, keyboard, arguments.flag("sig-proxy")) as interaction,
        engine.open("POST", path + "/attach", query, upgrade=True) as stream,
        engine.open("POST", path + "/wait", {"condition": condition}) as ending,
    ):
        engine.call("POST", path + "/start")
        ended = interaction.talk(stream, path, about["Id"], ending, STOPPED_SECONDS if terminal else None)
        return last_code(engine, ended, ending, path)


VERB = Verb(
    run,
    (
        Option("attach a", "Show its output, pass signals on, return its exit code"),
        Option("interactive i", "Connect stdin as well"),
        detach_keys(),
        Option("sig-proxy", "Pass signals on (true)", default=True),
    ),
    words="CONTAINER...",
    least=1,
    example="isula-rest start -ai shell",
    note=DETACH_NOTE,
)
