"""The entry of the program. What it needs is imported inside, so that ctrl-c is quiet from the first moment on."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the client on the process's arguments and end the process with its exit code."""
    try:
        from client.program import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
