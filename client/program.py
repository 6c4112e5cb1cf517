"""The program: finds the verb, carries it out, turns every failure into one line and an exit code."""

from __future__ import annotations

import os

from client import VERSION, address, options, verbs
from client.errors import ClientError, Quit, UsageError
from client.transport import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_OPTIONS = (
    options.HOST,
    options.Option("debug D", "Show a traceback when something goes wrong"),
    options.Option("version v", "Show the client's version"),
)


def run(words: Sequence[str]) -> int:
    """Carry out a command line (without the program's name); returns the exit code of the process."""
    debug = False
    try:
        chosen = options.Parser(_OPTIONS, greedy=True).parse(words)
        debug = chosen.flag("debug")
        return _dispatch(chosen)
    except Quit as quitting:
        return quitting.code
    except BrokenPipeError:
        return 141  # as a program that SIGPIPE ends
    except KeyboardInterrupt:
        return 130
    except ClientError as error:
        if debug:
            raise
        return _fail(error)
    except Exception as error:
        if debug:
            raise
        return _fail(ClientError(f"{type(error).__name__}: {error} (--debug shows more)"))


def _dispatch(chosen: options.Arguments) -> int:
    if chosen.flag("version"):
        return _print(f"isula-rest version {VERSION}\n")
    name, *words = chosen.words or ["help"]
    if chosen.flag("help") or name == "help":
        return _help(words if name == "help" else [])
    if name in verbs.GROUPS:
        if not words or words[0] in ("--help", "-h", "help"):
            return _help([name, *words[1:]])
        name, words = f"{name} {words[0]}", words[1:]
    if name not in verbs.TABLE:
        raise _unknown(name)
    verb = verbs.find_verb(name)
    try:
        arguments = verb.parse(words)
        if arguments.flag("help"):
            return _help([name])
        _count(len(arguments.words), verb.least, verb.most)
    except UsageError as error:
        see = f"see 'isula-rest {name} --help'"
        text = f"{error} S{see[1:]}" if str(error).endswith("?") else f"{error}; {see}"
        raise UsageError(f"{name}: {text}", error.code) from error
    where = address.parse(address.choose(arguments.text("host") or chosen.text("host"), os.environ))
    return verb.run(arguments, Engine(where, os.environ.get("DOCKER_API_VERSION", "")))


def _unknown(name: str) -> UsageError:
    """What is said of a command that there is not."""
    group = name.partition(" ")[0]
    whole = f"'isula-rest {group} --help'" if group in verbs.GROUPS else "'isula-rest --help'"
    nearest = options.suggest(name, [*verbs.TABLE, *verbs.GROUPS])
    hint = f"; did you mean {nearest}?" if nearest else f", {whole} lists all"
    return UsageError(f"unknown command {name}{hint}", 1)


def _count(found: int, least: int, most: int | None) -> None:
    """Check the number of plain words."""
    if least <= found and (most is None or found <= most):
        return
    wanted = str(least) if least == most else f"at least {least}" if found < least else f"at most {most}"
    raise UsageError(
        f"{wanted} argument{'' if wanted.endswith(' 1') or wanted == '1' else 's'} wanted, {found} given", 1
    )


def _help(words: Sequence[str]) -> int:
    from client.help import group_help, program_help, verb_help

    if not words:
        return _print(program_help(_OPTIONS))
    name = " ".join(words[:2]) if words[0] in verbs.GROUPS else words[0]
    if name in verbs.GROUPS:
        return _print(group_help(name))
    if name not in verbs.TABLE:
        raise UsageError(f"unknown command {name}", 1)
    return _print(verb_help(name))


def _print(text: str) -> int:
    from client.output import write_all

    write_all(1, [text.encode()])
    return 0


def _fail(error: ClientError) -> int:
    """Tell what went wrong, on one line."""
    try:
        os.write(2, error.line().encode("utf-8", "backslashreplace") + b"\n")
    except OSError:
        return error.code  # nobody listens
    return error.code
