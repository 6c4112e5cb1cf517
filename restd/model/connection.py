"""A client's HTTP connection that a verb may take out of the server and give to a shim.

The door makes these, the container room uses them; neither knows the other. Order of use:

1. `borrow()` stops the server from reading and gives a duplicate of the socket and what the client already sent.
2. The duplicate goes to a shim (SCM_RIGHTS), or is kept until there is one.
3. `release()` makes the server forget the connection without shutting it down: from then on only duplicates are left.
   Without it (an error before anything was written) the handler answers over HTTP as if nothing had happened.

A connection that cannot be given away (TLS) lends one end of a socket pair instead and pumps; callers don't notice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Borrowed:
    """`descriptor`: a duplicate that the caller must close. `early`: bytes the client sent behind its request."""

    descriptor: int
    early: bytes


class Connection(Protocol):
    """What the door lends to `attach`, `wait` and exec `start`."""

    @property
    def upgrade(self) -> bool:
        """Whether the client asked for `Upgrade`, so that the response head must be a 101."""

    def borrow(self) -> Borrowed:
        """Take a duplicate; at most once. The server stops reading until `release` or the handler's own answer."""

    def release(self) -> None:
        """The server forgets the connection; it stays open as long as a duplicate is."""


@dataclass(frozen=True, slots=True)
class AttachOptions:
    """The query of an attach. `detach_keys` is the client's text, empty for the default."""

    stream: bool = False
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    logs: bool = False
    detach_keys: str = ""


class Heads(Protocol):
    """Writes the response heads that only the door knows how to write, for whoever sends them."""

    def stream_head(self, *, upgrade: bool, framed: bool) -> bytes:
        """The head of a hijacked stream: 101 when `upgrade`, else 200; the content type by API version and framing."""

    def wait_head(self) -> bytes:
        """The head of a held `wait`: 200, JSON, chunked, `Connection: close`."""
