"""A container's health as a state machine: what is probed, when, and what the results make of it. Pure.

    (start) ──> starting ──success──> healthy <──success── unhealthy
                   │                     │                    ^
                   └──`retries` failures in a row─────────────┘

Failures within the start period do not count until there has been a success. The end of the container makes it
unhealthy. Times in nanoseconds. The rules and the defaults are those of the Docker Engine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from restd.model.container import Config, Strings
from restd.model.health import Health, HealthStatus, ProbeResult

SECOND = 1_000_000_000
INTERVAL, TIMEOUT, START_INTERVAL, RETRIES = 30 * SECOND, 30 * SECOND, 5 * SECOND, 3
LOG_LENGTH = 5
DEFAULT_SHELL = ("/bin/sh", "-c")
KINDS = ("NONE", "CMD", "CMD-SHELL")


@dataclass(frozen=True, slots=True)
class Plan:
    """A health check with its defaults filled in. `command` is what is run in the container."""

    command: Strings
    interval: int = INTERVAL
    timeout: int = TIMEOUT
    start_period: int = 0
    start_interval: int = START_INTERVAL
    retries: int = RETRIES


def plan(config: Config) -> Plan | None:
    """The container's health check; None if nothing is to be probed."""
    check = config.healthcheck
    if check is None or not check.test:
        return None
    kind, *command = check.test
    if kind == "CMD-SHELL":
        command = [*(config.shell or DEFAULT_SHELL), *command]
    elif kind != "CMD":
        return None
    return Plan(
        command=tuple(command),
        interval=check.interval or INTERVAL,
        timeout=check.timeout or TIMEOUT,
        start_period=check.start_period,
        start_interval=check.start_interval or START_INTERVAL,
        retries=check.retries or RETRIES,
    )


def begun(earlier: Health | None) -> Health:
    """At a start: everything anew but the log, which tells its times itself."""
    return Health(log=earlier.log if earlier is not None else ())


def probed(plan: Plan, health: Health, result: ProbeResult, started_at: int) -> Health:
    """After a probe of a container that was started at `started_at`."""
    log = (*health.log, result)[-LOG_LENGTH:]
    if result.exit_code == 0:
        return Health(HealthStatus.HEALTHY, 0, log)
    excused = health.status is HealthStatus.STARTING and result.start - started_at < plan.start_period
    streak = health.failing_streak + (not excused)
    failed = streak >= plan.retries and not excused
    return Health(HealthStatus.UNHEALTHY if failed else health.status, streak, log)


def ended(health: Health) -> Health:
    """Once the container has stopped, which nobody should take for healthy."""
    return replace(health, status=HealthStatus.UNHEALTHY)


def pause(plan: Plan, health: Health, started_at: int, now: int) -> int:
    """How long to wait from the end of a probe, or from the start, to the next probe."""
    if now - started_at < plan.start_period and health.status is HealthStatus.STARTING:
        return plan.start_interval
    return plan.interval


def pause_after_restart(plan: Plan, health: Health, started_at: int, now: int, share: float) -> int:
    """How long to wait when a new daemon takes up the container.

    What has come due meanwhile waits for its `share` (0 to 1) of the interval, so that not all are probed at once.
    """
    last = max([started_at, *(result.end for result in health.log)])
    whole = pause(plan, health, started_at, now)
    left = whole - max(0, now - last)
    return left if left > 0 else int(whole * share)
