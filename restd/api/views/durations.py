"""Durations in words, and the `Status` text of a container list."""

from __future__ import annotations

from restd.model.container import State, Status
from restd.model.health import HealthStatus

_SECOND = 1_000_000_000


def in_words(nanoseconds: int) -> str:
    """`5 seconds`, `About a minute`, `2 hours`, ... in the steps of Docker's go-units package (HumanDuration)."""
    seconds = max(0, nanoseconds) // _SECOND
    minutes, hours = seconds // 60, (seconds + 1800) // 3600
    if seconds < 1:
        return "Less than a second"
    if seconds < 60:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    days = hours // 24
    if days < 14:
        return f"{days} days"
    if days < 60:
        return f"{days // 7} weeks"
    return f"{days // 30} months" if days < 730 else f"{days // 365} years"


def status_text(state: State, now: int) -> str:
    """`Up 5 seconds`, `Exited (137) 2 minutes ago`, ... at the time `now` (nanoseconds)."""
    match state.status:
        case Status.RUNNING:
            return f"Up {in_words(now - state.started_at)}{_health(state)}"
        case Status.PAUSED:
            return f"Up {in_words(now - state.started_at)} (Paused)"
        case Status.RESTARTING:
            return f"Restarting ({state.exit_code}) {in_words(now - state.finished_at)} ago"
        case Status.REMOVING:
            return "Removal In Progress"
        case Status.DEAD:
            return "Dead"
        case Status.CREATED:
            return "Created"
    if state.finished_at == 0:
        return ""
    return f"Exited ({state.exit_code}) {in_words(now - state.finished_at)} ago"


def _health(state: State) -> str:
    if state.health is None:
        return ""
    starting = state.health.status is HealthStatus.STARTING
    return f" (health: {state.health.status})" if starting else f" ({state.health.status})"
