"""`python -m tests.bench`: our engine beside a peer in one run, alternating, and a table of ratios.

It never fails for a figure: the host decides absolute times, the ratios in one run are what counts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from tests import leftovers
from tests.bench import engine_bench, network_bench
from tests.bench.engine_bench import Figure
from tests.bench.podman import Podman
from tests.bench.table import Row, as_json, render
from tests.calls import Refused
from tests.engine import REPOSITORY, Dockerd, Engine, Isula

FIGURES = (*engine_bench.FIGURES, *network_bench.FIGURES)
PEERS: dict[str, type[Engine]] = {"dockerd": Dockerd, "podman": Podman}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    names = ",".join(figure.name for figure in FIGURES)
    parser.add_argument("--only", default=names, metavar="LIST", help=f"figures to measure, of {names}")
    parser.add_argument(
        "--rounds", type=int, default=10, metavar="N", help="rounds of each figure, slow ones fewer (10)"
    )
    parser.add_argument("--json", metavar="FILE", help="write all values there")
    parser.add_argument("--peer", choices=[*PEERS, "none"], default="dockerd", help="what to compare with (dockerd)")
    parser.add_argument("--runtime", help="OCI runtime for our containers (the engine's default)")
    found = parser.parse_args()
    unknown = set(found.only.split(",")) - {figure.name for figure in FIGURES}
    if unknown:
        parser.error(f"no such figure: {', '.join(sorted(unknown))}")
    if os.geteuid() != 0:
        parser.error("needs root")
    return found


def measure(figure: Figure, engines: Sequence[Engine], rounds: int) -> list[Row]:
    """Alternate between the engines; the first round warms up, unless it is the only one."""
    rows = {name: Row(name, unit) for name, unit in figure.units.items()}
    count = min(rounds, figure.rounds)
    working = list(engines)
    for number in range(count + (count > 1)):
        for engine in list(working):
            try:
                values = figure.measure(engine)
            except (Refused, OSError, EOFError, AssertionError) as error:
                working.remove(engine)
                for row in rows.values():
                    row.failures[engine.kind] = f"{type(error).__name__}: {error}"[:300]
                continue
            if number or count == 1:
                for name, value in values.items():
                    rows[name].values.setdefault(engine.kind, []).append(value)
    return list(rows.values())


def started(kind: type[Engine], name: str, archive: str) -> Engine:
    """An engine that runs and has the image."""
    engine = kind(name)
    engine.prepare()
    engine.start_daemon()
    engine.load_image(archive)
    return engine


def main() -> int:
    options = arguments()
    kinds: list[type[Engine]] = [Isula, *([] if options.peer == "none" else [PEERS[options.peer]])]
    engines: list[Engine] = []
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        archive = f"{folder}/busybox.tar"
        making = [sys.executable, "-m", "restd.image.embedded", archive]
        subprocess.run(making, check=True, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
        try:
            for at, kind in enumerate(kinds):
                engines.append(started(kind, f"irt-{os.getpid() % 4096:03x}{at}", archive))
            engines[0].runtime = options.runtime
            for figure in FIGURES:
                if figure.name in options.only.split(","):
                    rows += measure(figure, engines, options.rounds)
                    print(f"{figure.name}: done", file=sys.stderr, flush=True)
        finally:
            for engine in engines:
                for left in engine.close():
                    print(f"left on the host by {engine.kind}: {left}", file=sys.stderr)
                leftovers.clear(leftovers.find(engine.name))
    names = [engine.kind for engine in engines]
    print(render(rows, names))
    if options.json:
        with open(options.json, "w") as file:
            json.dump(as_json(rows, names), file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
