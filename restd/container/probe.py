"""One health probe: an exec whose output and end become a result."""

from __future__ import annotations

from restd.container.exec import Execs
from restd.container.health import SECOND, Plan
from restd.container.registry import Entry
from restd.errors import EngineError
from restd.lib.times import go_duration, now_ns
from restd.lib.turns import Turns
from restd.model.health import ProbeResult
from shim.protocol import ExitRecord

OUTPUT_LIMIT = 4096
TURN_SECONDS = 1.0
FAILED = -1


class Prober:
    """Runs probes, `width` starting at once: a start takes the runtime some 30 ms of a processor.

    A probe that had to wait for its turn comes a little later from then on, since its interval begins at its end: so
    the probes of containers that were started together spread by themselves.
    """

    def __init__(self, execs: Execs, width: int) -> None:
        self._execs = execs
        self._turns = Turns(width, TURN_SECONDS)

    async def probe(self, entry: Entry, plan: Plan) -> ProbeResult:
        """The result, whatever happens. The probe's time begins when the runtime has started it."""
        start = now_ns()
        try:
            async with self._turns.turn():
                start = now_ns()
                found = await self._execs.begin_probe(entry, plan.command, OUTPUT_LIMIT, plan.timeout / SECOND)
            await found.ended.wait()
        except (EngineError, OSError) as error:
            return ProbeResult(start, now_ns(), FAILED, str(error))
        assert found.end is not None
        return result(found.end, plan, start, now_ns())


def result(record: ExitRecord, plan: Plan, start: int, end: int) -> ProbeResult:
    """What an exit record says of the probe, in Docker's words."""
    if record.late:
        words = f"Health check exceeded timeout ({go_duration(plan.timeout)})"
        return ProbeResult(start, end, FAILED, f"{words}: {record.output}" if record.output else words)
    if record.exit_code is None:
        return ProbeResult(start, end, FAILED, record.unknown)
    return ProbeResult(start, end, record.exit_code, record.output)
