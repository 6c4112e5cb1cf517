"""Top: a container's processes, as the host's `ps` shows them with the client's own options.

The runtime says which processes are the container's; `ps` is run on all of the host, without a shell, and the rows of
others are left out. Source: the rules of Docker's `top`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from restd.container.announce import Announcer
from restd.container.registry import Entry
from restd.container.state import check_running
from restd.errors import Conflict, InvalidParameter, SystemFailure
from restd.lib.processes import ProgramTimeout, run
from restd.model.container import Status
from restd.runtime.base import RuntimeFailure
from restd.runtime.dispatch import Runtimes

DEFAULT_ARGUMENTS = "-ef"
ARGUMENTS_LIMIT = 1024
_PS_SECONDS = 10.0
_PS_OUTPUT = 16 << 20
_NAMED_PID = re.compile(r"([^\s=]*)=\s*PID")
_OWN_PID = re.compile(r"(-?o)?pid")


@dataclass(frozen=True, slots=True)
class Top:
    """A table: `titles`, and one list of as many texts for each process."""

    titles: list[str]
    processes: list[list[str]]


async def top(entry: Entry, ps_args: str, runtimes: Runtimes, announce: Announcer) -> Top:
    """The table. Conflict if the container doesn't run; InvalidParameter for options that give no PID column."""
    container = entry.container
    check_running(container)
    if container.state.status is Status.RESTARTING:
        raise Conflict(f"container {container.id} is restarting, wait until the container is running")
    arguments = check_arguments(ps_args or DEFAULT_ARGUMENTS)
    try:
        pids = await runtimes.of(container).listpids(container)
    except RuntimeFailure as error:
        if error.kind == "gone":
            raise Conflict(f"container {container.id} is not running") from error
        raise SystemFailure(f"the processes of container {container.id} can't be listed: {error}") from error
    table = parse(await _ps(arguments), set(pids))
    announce(container, "top")
    return table


def check_arguments(ps_args: str) -> list[str]:
    """The words of `ps_args`. InvalidParameter if they are too long, or give another column the title PID.

    Such a column would make other processes of the host pass for the container's.
    """
    if len(ps_args) > ARGUMENTS_LIMIT or "\0" in ps_args:
        raise InvalidParameter(f"ps arguments are longer than {ARGUMENTS_LIMIT} characters or hold a null byte")
    for match in _NAMED_PID.finditer(ps_args):
        if not _OWN_PID.fullmatch(match[1]):
            raise InvalidParameter(f'specifying "{match[0]}" is not allowed')
    return ps_args.split()


async def _ps(arguments: Sequence[str]) -> str:
    try:
        done = await run(["ps", *arguments], _PS_SECONDS, limit=_PS_OUTPUT)
    except ProgramTimeout as error:
        raise SystemFailure(f"ps: {error}") from error
    except OSError as error:
        raise SystemFailure(f"ps can't be run: {error.strerror}") from error
    if done.code != 0:
        # ps says in one line what it doesn't like, then how it is used.
        words = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.code}"]
        raise InvalidParameter(f"ps: {words[0].removeprefix('error:').strip()}")
    return done.stdout.decode(errors="replace")


def parse(output: str, pids: set[int]) -> Top:
    """The rows of `ps` whose process is one of `pids`; the last column swallows the rest of a line.

    A line that stays in its place under the one before (`ps f`, threads with `-` for a pid) goes with its process.
    """
    lines = [line for line in output.split("\n") if line.strip()]
    titles = lines[0].split() if lines else []
    if "PID" not in titles:
        raise InvalidParameter("Couldn't find PID field in ps output")
    index = titles.index("PID")
    processes: list[list[str]] = []
    mine = False
    for line in lines[1:]:
        columns = line.split(None, len(titles) - 1)
        if len(columns) <= index:
            continue
        if columns[index] != "-":
            if not (columns[index].isascii() and columns[index].isdigit()):
                raise SystemFailure(f"Unexpected pid '{columns[index]}': {line}")
            mine = int(columns[index]) in pids
        if mine:
            processes.append(columns)
    return Top(titles, processes)
