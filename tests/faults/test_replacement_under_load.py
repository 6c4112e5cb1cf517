"""HUP and USR2 while clients run containers: nobody sees more than a pause. With `-s`, the table of pauses."""

from __future__ import annotations

import statistics
import time

import pytest

from tests.engine import Engine, Isula
from tests.faults.traffic import Traffic
from tests.waiting import wait_until

pytestmark = [pytest.mark.root]

TIMES = 10
LONGEST_SECONDS = 10.0


@pytest.mark.parametrize("way", ["HUP", "USR2"])
def test_no_client_sees_an_error(fresh_engine: Engine, way: str) -> None:
    assert isinstance(fresh_engine, Isula)
    traffic = Traffic(fresh_engine)
    traffic.start()
    pauses = []
    try:
        for _ in range(TIMES):
            before = traffic.runs
            wait_until(lambda: traffic.runs >= before + 4, 60, "containers run")  # noqa: B023
            begun = time.monotonic()
            fresh_engine.reload() if way == "HUP" else fresh_engine.upgrade()
            count = len(traffic.asked)
            wait_until(lambda: len(traffic.asked) >= count + 4, 20, "clients are answered again")  # noqa: B023
            pauses.append(traffic.pause_since(begun))
    finally:
        traffic.stop()
    idle = statistics.median(took for _, took in traffic.asked)
    print(
        f"\n{way}: {TIMES} times, {traffic.runs} containers run meanwhile; pause: median "
        f"{statistics.median(pauses) * 1000:.0f} ms, worst {max(pauses) * 1000:.0f} ms; "
        f"an answer otherwise: {idle * 1000:.1f} ms"
    )
    assert traffic.failures == []
    assert max(pauses) < LONGEST_SECONDS
