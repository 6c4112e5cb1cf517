"""`logs`: what a container has written."""

from __future__ import annotations

import time

from client import moments, paths
from client.errors import ClientError
from client.frames import STDERR, FrameError, Frames
from client.options import Option
from client.output import write_all
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Print the log, and with `-f` what comes until the container stops."""
    path = paths.container(arguments.words[0])
    query: dict[str, object] = {
        "stdout": 1,
        "stderr": 1,
        "follow": arguments.flag("follow"),
        "timestamps": arguments.flag("timestamps"),
        "details": arguments.flag("details"),
        "tail": arguments.text("tail"),
    }
    for key in ("since", "until"):
        if arguments.text(key):
            try:
                query[key] = moments.stamp(arguments.text(key), time.time())
            except ValueError as error:
                raise ClientError(f'invalid value "{arguments.text(key)}" for --{key}: {error}') from error
    # The log's content type doesn't tell on older engines whether it is framed; the container does.
    about = engine.send("GET", path + "/json")
    reply = engine.send("GET", path + "/logs", query)
    with reply, about:
        terminal = bool(about.json()["Config"]["Tty"])
        reply.check()
        frames = None if terminal else Frames()
        for slices in reply.blocks():
            for part in slices:
                _show(part, frames)
    return 0


def _show(data: memoryview, frames: Frames | None) -> None:
    if frames is None:
        write_all(1, [data])
        return
    try:
        parts = frames.feed(data)
    except FrameError as error:
        raise ClientError(str(error)) from error
    at = 0
    while at < len(parts):
        kind = parts[at][0]
        end = at + 1
        while end < len(parts) and parts[end][0] == kind:
            end += 1
        write_all(2 if kind == STDERR else 1, [part for _, part in parts[at:end]])
        at = end


VERB = Verb(
    run,
    (
        Option("follow f", "Go on until the container stops"),
        Option("tail n", "Only so many lines from the end (all)", "LINES", default="all"),
        Option("since", "Only what is newer: a date, a Unix time, or 10m for the last ten minutes", "MOMENT"),
        Option("until", "Only what is older", "MOMENT"),
        Option("timestamps t", "Put the time before each line"),
        Option("details", "Put the attributes that the log keeps before each line"),
    ),
    words="CONTAINER",
    least=1,
    most=1,
    example="isula-rest logs -f --tail 20 --since 10m web",
)
