"""The health of a container: Docker's rules, and what holds whatever the probes say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.container import health
from restd.container.health import SECOND, Plan
from restd.model.container import Config
from restd.model.health import Health, Healthcheck, HealthStatus, ProbeResult

STARTED = 1_000 * SECOND
PLAN = Plan(("true",))


def result(code: int, after: float = 100.0, output: str = "") -> ProbeResult:
    """A probe that began `after` seconds after the start of the container."""
    start = STARTED + int(after * SECOND)
    return ProbeResult(start, start + SECOND // 10, code, output)


def after(plan: Plan, *results: ProbeResult) -> Health:
    found = health.begun(None)
    for one in results:
        found = health.probed(plan, found, one, STARTED)
    return found


# -- what is probed


@pytest.mark.parametrize(
    "check",
    [
        None,
        Healthcheck(),
        Healthcheck(test=()),
        Healthcheck(test=("NONE",)),
        Healthcheck(test=("NONE", "x")),
        Healthcheck(test=("curl -f x",)),
        Healthcheck(interval=SECOND),
    ],
)
def test_no_probe(check: Healthcheck | None) -> None:
    assert health.plan(Config(healthcheck=check)) is None


def test_defaults() -> None:
    assert health.plan(Config(healthcheck=Healthcheck(("CMD", "a", "b c")))) == Plan(
        ("a", "b c"), 30 * SECOND, 30 * SECOND, 0, 5 * SECOND, 3
    )


def test_the_shell_is_the_containers_own() -> None:
    check = Healthcheck(("CMD-SHELL", "exit 1"), 1, 2, 3, 4, 5)
    assert health.plan(Config(healthcheck=check)) == Plan(("/bin/sh", "-c", "exit 1"), 1, 2, 3, 4, 5)
    shell = health.plan(Config(healthcheck=check, shell=("/bin/bash", "-ec")))
    assert shell is not None and shell.command == ("/bin/bash", "-ec", "exit 1")


# -- what the results make of it


def test_one_success_is_enough_and_retries_failures_are_needed() -> None:
    assert after(PLAN).status is HealthStatus.STARTING
    assert after(PLAN, result(1), result(1)) == Health(HealthStatus.STARTING, 2, (result(1), result(1)))
    assert after(PLAN, result(1), result(1), result(0)).status is HealthStatus.HEALTHY
    three = after(PLAN, result(1), result(-1), result(2))
    assert (three.status, three.failing_streak) == (HealthStatus.UNHEALTHY, 3)
    assert after(PLAN, result(0), result(1), result(1)).status is HealthStatus.HEALTHY
    again = health.probed(PLAN, three, result(0), STARTED)
    assert (again.status, again.failing_streak) == (HealthStatus.HEALTHY, 0)


def test_failures_in_the_start_period_do_not_count_until_the_first_success() -> None:
    plan = replace(PLAN, start_period=10 * SECOND, retries=1)
    early = after(plan, result(1, 1), result(1, 9.9))
    assert (early.status, early.failing_streak, len(early.log)) == (HealthStatus.STARTING, 0, 2)
    assert after(plan, result(1, 1), result(1, 10)).status is HealthStatus.UNHEALTHY
    assert after(plan, result(0, 1), result(1, 2)).status is HealthStatus.UNHEALTHY


def test_the_log_has_the_last_five() -> None:
    results = [result(0, number) for number in range(7)]
    assert after(PLAN, *results).log == tuple(results[2:])


def test_a_start_resets_all_but_the_log() -> None:
    found = health.begun(health.ended(after(PLAN, result(1), result(1), result(1))))
    assert (found.status, found.failing_streak, len(found.log)) == (HealthStatus.STARTING, 0, 3)


def test_the_end_makes_it_unhealthy() -> None:
    assert health.ended(after(PLAN, result(0))) == Health(HealthStatus.UNHEALTHY, 0, (result(0),))


# -- when


def test_the_start_interval_holds_while_starting_within_the_start_period() -> None:
    plan = replace(PLAN, interval=30, start_interval=5, start_period=60)
    starting, healthy = Health(), Health(HealthStatus.HEALTHY)
    assert health.pause(plan, starting, 1000, 1000) == 5
    assert health.pause(plan, starting, 1000, 1059) == 5
    assert health.pause(plan, starting, 1000, 1060) == 30
    assert health.pause(plan, healthy, 1000, 1001) == 30
    assert health.pause(PLAN, starting, 1000, 1000) == PLAN.interval


def test_after_a_restart_the_interval_goes_on() -> None:
    plan = replace(PLAN, interval=30)
    found = Health(HealthStatus.HEALTHY, 0, (ProbeResult(1090, 1100, 0),))
    assert health.pause_after_restart(plan, found, 1000, 1110, 0.5) == 20
    assert health.pause_after_restart(plan, found, 1000, 1130, 0.5) == 15
    assert health.pause_after_restart(plan, Health(), 1000, 1010, 0.5) == 20
    # a clock that was set back does not put the probe off for ever
    assert health.pause_after_restart(plan, found, 1000, 5, 0.5) == 30


plans = st.builds(
    Plan,
    command=st.just(("x",)),
    interval=st.integers(1, 100),
    timeout=st.integers(1, 100),
    start_period=st.integers(0, 100),
    start_interval=st.integers(1, 100),
    retries=st.integers(1, 6),
)
results = st.lists(
    st.builds(ProbeResult, start=st.integers(0, 300), end=st.integers(0, 400), exit_code=st.integers(-1, 3)),
    max_size=30,
)


@given(plans, results)
def test_whatever_the_probes_say(plan: Plan, results: list[ProbeResult]) -> None:
    found, streak = health.begun(None), 0
    for one in sorted(results, key=lambda one: one.start):
        before, found = found, health.probed(plan, found, one, 0)
        excused = before.status is HealthStatus.STARTING and one.start < plan.start_period
        streak = 0 if one.exit_code == 0 else streak + (not excused)
        assert found.failing_streak == streak
        assert found.log == (*before.log, one)[-5:]
        if one.exit_code == 0:
            assert found.status is HealthStatus.HEALTHY
        elif found.status is not before.status:
            assert found.status is HealthStatus.UNHEALTHY and streak >= plan.retries and not excused
        if streak >= plan.retries:
            assert found.status is HealthStatus.UNHEALTHY
        assert found.status is not HealthStatus.STARTING or before.status is HealthStatus.STARTING


@given(plans, results, st.integers(0, 1000), st.floats(0, 1))
def test_the_next_probe_comes_within_an_interval(
    plan: Plan, results: list[ProbeResult], now: int, share: float
) -> None:
    found = health.begun(None)
    for one in results:
        found = health.probed(plan, found, one, 0)
    longest = max(plan.interval, plan.start_interval)
    assert 0 < health.pause(plan, found, 0, now) <= longest
    assert 0 <= health.pause_after_restart(plan, found, 0, now, share) <= longest
