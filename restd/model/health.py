"""A container's health: what is to be probed, and what the probes have found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from restd.model.docker_json import optional


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """A probe. Times in nanoseconds, 0 for the default; `test` as in Docker (`NONE`, `CMD`, `CMD-SHELL`)."""

    test: tuple[str, ...] | None = optional()
    interval: int = optional(0)
    timeout: int = optional(0)
    start_period: int = optional(0)
    start_interval: int = optional(0)
    retries: int = optional(0)


class HealthStatus(StrEnum):
    """Docker's words; a container without a probe has none."""

    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One probe. Times in nanoseconds since the epoch; `exit_code` -1 if it was killed or could not be run."""

    start: int
    end: int
    exit_code: int
    output: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """What the probes have found. `log`: the last of them, the newest at the end."""

    status: HealthStatus = HealthStatus.STARTING
    failing_streak: int = 0
    log: tuple[ProbeResult, ...] = ()
