"""What can go wrong in the client, each with the words to print and the exit code to end with."""

from __future__ import annotations


class ClientError(Exception):
    """Something that a person must be told in one line; `code` is the exit code of the process."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code

    def line(self) -> str:
        """The error as it is printed, on one line."""
        return "isula-rest: " + " ".join(str(self).split("\n"))


class UsageError(ClientError):
    """The command line is wrong. Docker's code for a wrong option is 125, for a wrong number of arguments 1."""

    def __init__(self, message: str, code: int = 125) -> None:
        super().__init__(message, code)


class Unreachable(ClientError):
    """No engine answers at the address."""


class EngineError(ClientError):
    """The engine's own refusal: its HTTP status and its message."""

    def __init__(self, status: int, message: str, code: int = 1) -> None:
        super().__init__(f"Error response from daemon: {message}", code)
        self.status = status
        self.message = message

    def line(self) -> str:
        """The engine's words need no mark of the client."""
        return " ".join(str(self).split("\n"))


class Quit(Exception):
    """Ends the process with a code, with nothing more to say."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code
