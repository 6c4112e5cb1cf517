"""One request for each of many names, side by side, with the replies in the order of the names."""

from __future__ import annotations

from client.errors import ClientError, Unreachable
from client.output import say, tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from client.transport import Engine, Reply

_AT_ONCE = 50


def each(
    engine: Engine,
    method: str,
    names: Sequence[str],
    path: Callable[[str], str],
    query: Mapping[str, object] | None = None,
    show: Callable[[str, Any], None] | None = None,
) -> int:
    """Ask for every name, show what worked (the name itself if `show` isn't given), tell what didn't.

    Returns 0, or 1 if anything failed; an engine that can't be reached at all is raised.
    """
    code = 0
    for at in range(0, len(names), _AT_ONCE):
        part = names[at : at + _AT_ONCE]
        replies: list[Reply | ClientError] = []
        for name in part:
            try:
                replies.append(engine.send(method, path(name), query))
            except ClientError as error:
                if isinstance(error, Unreachable) and not replies and not at:
                    raise
                replies.append(error)
        for place, name in enumerate(part):
            reply = replies[place]
            try:
                if isinstance(reply, ClientError):
                    raise reply
                answer = reply.json()
                if show is None:
                    say(name)
                else:
                    show(name, answer)
            except ClientError as error:
                tell(error.line())
                code = 1
            finally:
                if not isinstance(reply, ClientError):
                    reply.close()
    return code
