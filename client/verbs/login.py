"""`login`: check credentials with a registry and keep them."""

from __future__ import annotations

import sys

from client import tty
from client.credentials import HUB, Credentials, address_of
from client.errors import ClientError
from client.options import Option
from client.output import say
from client.verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from client.options import Arguments
    from client.transport import Engine


def run(arguments: Arguments, engine: Engine) -> int:
    """Ask for what is missing, have the engine check it, keep it."""
    registry = address_of(arguments.words[0] if arguments.words else HUB)
    user, secret = arguments.text("username"), arguments.text("password")
    if arguments.flag("password-stdin"):
        if not user:
            raise ClientError("--password-stdin needs --username")
        secret = sys.stdin.read().rstrip("\r\n")
    if not (user and secret):
        if not tty.is_terminal(0):
            raise ClientError("no terminal to ask for a password: use --username and --password-stdin")
        import getpass

        user = user or input("Username: ")
        secret = getpass.getpass("Password: ")
    if not (user and secret):
        raise ClientError("a user name and a password are needed")
    body = {"username": user, "password": secret, "serveraddress": registry}
    answer = engine.call("POST", "/auth", body=body) or {}
    Credentials().store(registry, user, secret)
    say(str(answer.get("Status") or "Login Succeeded"))
    return 0


VERB = Verb(
    run,
    (
        Option("username u", "User name", "NAME"),
        Option("password p", "Password; other users may see it: better use --password-stdin", "TEXT"),
        Option("password-stdin", "Read the password from stdin"),
    ),
    words="[REGISTRY]",
    most=1,
    example="isula-rest login -u me --password-stdin registry.example < password",
)
