"""A client's connection on its way out of the server: to a shim, to the held ones, or to its end."""

from __future__ import annotations

import os

from restd.lib.sockets import send
from restd.model.connection import Borrowed, Connection


class Client:
    """A client's connection on its way from the server to somebody else. Borrowed only when it is needed, once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._borrowed: Borrowed | None = None

    def borrow(self) -> Borrowed:
        """The descriptor, which stays ours, and the client's early bytes."""
        if self._borrowed is None:
            self._borrowed = self._connection.borrow()
        return self._borrowed

    def given(self) -> None:
        """A shim has a copy: the server forgets the connection, and so do we."""
        self._connection.release()
        self.close()

    def keep(self) -> int:
        """The descriptor, from now on the caller's; the server forgets the connection."""
        descriptor = self.borrow().descriptor
        self._borrowed = None
        self._connection.release()
        return descriptor

    def end(self, head: str) -> None:
        """Answer with the head alone."""
        send(self.borrow().descriptor, head.encode("latin-1"))
        self.given()

    def close(self) -> None:
        """Let go of our copy, if it is still here: the server has the connection again."""
        if self._borrowed is not None:
            os.close(self._borrowed.descriptor)
            self._borrowed = None
