"""`isula-rest-shim`: said what it is when called by hand."""

from __future__ import annotations

import argparse


def main() -> None:
    """Explain, or refuse: a shim is never started by hand."""
    parser = argparse.ArgumentParser(
        prog="isula-rest-shim",
        description="The process beside each container: it owns the container's stdio, log, attach streams and exit "
        "code. It is started by isula-restd only, through its nursery; there is nothing to do with it by hand.",
    )
    parser.parse_args()
    parser.error("started by isula-restd only; see --help")


if __name__ == "__main__":
    main()
