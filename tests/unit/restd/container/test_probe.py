import asyncio
from typing import Any

import pytest

from restd.container.health import SECOND, Plan
from restd.container.probe import Prober, result
from restd.container.registry import Entry, ExecEntry
from restd.errors import InvalidParameter
from restd.model.container import Exec, ExecConfig, Status
from restd.model.health import ProbeResult
from shim.protocol import ExitRecord
from tests.unit.restd.container.sample import container

PLAN = Plan(("true",), timeout=SECOND * 3 // 2)


@pytest.mark.parametrize(
    ("record", "code", "output"),
    [
        (ExitRecord(0, 5, output="fine\n"), 0, "fine\n"),
        (ExitRecord(3, 5), 3, ""),
        (ExitRecord(137, 5, late=True), -1, "Health check exceeded timeout (1.5s)"),
        (ExitRecord(137, 5, late=True, output="so far"), -1, "Health check exceeded timeout (1.5s): so far"),
        (ExitRecord(None, 5, unknown="the shim has died"), -1, "the shim has died"),
    ],
)
def test_an_exit_record_becomes_a_result_in_dockers_words(record: ExitRecord, code: int, output: str) -> None:
    assert result(record, PLAN, 1, 9) == ProbeResult(1, 9, code, output)


class Execs:
    """Execs that end at once, or can't be run."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.asked: list[tuple[Any, ...]] = []

    async def begin_probe(self, entry: Entry, *asked: Any) -> ExecEntry:
        self.asked.append(asked)
        if self.failure is not None:
            raise self.failure
        found = ExecEntry(Exec("e", entry.container.id, ExecConfig(("true",))), end=ExitRecord(0, 1, output="hi"))
        found.ended.set()
        return found


def test_a_probe_has_its_command_and_its_limit() -> None:
    async def attempt() -> None:
        execs: Any = Execs()
        found = await Prober(execs, 1).probe(Entry(container(Status.RUNNING)), PLAN)
        assert (found.exit_code, found.output) == (0, "hi") and found.start <= found.end
        assert execs.asked == [(("true",), 4096, 1.5)]

    asyncio.run(attempt())


def test_a_command_that_cannot_be_run_is_a_failure_with_its_reason() -> None:
    async def attempt() -> None:
        execs: Any = Execs(InvalidParameter("OCI runtime exec failed: no such file: unknown"))
        found = await Prober(execs, 1).probe(Entry(container(Status.RUNNING)), PLAN)
        assert (found.exit_code, found.output) == (-1, "OCI runtime exec failed: no such file: unknown")

    asyncio.run(attempt())
