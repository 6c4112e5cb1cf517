from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.api.views.durations import in_words, status_text
from restd.model.container import State, Status
from restd.model.health import Health, HealthStatus

SECOND = 10**9
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86400 * SECOND


@pytest.mark.parametrize(
    ("nanoseconds", "words"),
    [
        (0, "Less than a second"),
        (-5, "Less than a second"),
        (SECOND - 1, "Less than a second"),
        (SECOND, "1 second"),
        (59 * SECOND, "59 seconds"),
        (MINUTE, "About a minute"),
        (2 * MINUTE, "2 minutes"),
        (59 * MINUTE, "59 minutes"),
        (HOUR, "About an hour"),
        (89 * MINUTE, "About an hour"),
        (90 * MINUTE, "2 hours"),
        (47 * HOUR, "47 hours"),
        (48 * HOUR, "2 days"),
        (13 * DAY, "13 days"),
        (14 * DAY, "2 weeks"),
        (59 * DAY, "8 weeks"),
        (60 * DAY, "2 months"),
        (729 * DAY, "24 months"),
        (731 * DAY, "2 years"),
    ],
)
def test_durations_are_told_in_dockers_words(nanoseconds: int, words: str) -> None:
    assert in_words(nanoseconds) == words


@given(st.integers(-(10**20), 10**20))
def test_any_duration_has_words(nanoseconds: int) -> None:
    assert in_words(nanoseconds)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (State(), "Created"),
        (State(Status.RUNNING, started_at=DAY), "Up 5 seconds"),
        (State(Status.RUNNING, started_at=DAY, health=Health()), "Up 5 seconds (health: starting)"),
        (State(Status.RUNNING, started_at=DAY, health=Health(HealthStatus.HEALTHY)), "Up 5 seconds (healthy)"),
        (State(Status.RUNNING, started_at=DAY, health=Health(HealthStatus.UNHEALTHY)), "Up 5 seconds (unhealthy)"),
        (State(Status.PAUSED, started_at=DAY, health=Health()), "Up 5 seconds (Paused)"),
        (State(Status.PAUSED, started_at=DAY), "Up 5 seconds (Paused)"),
        (State(Status.RESTARTING, exit_code=1, finished_at=DAY), "Restarting (1) 5 seconds ago"),
        (State(Status.EXITED, exit_code=137, finished_at=DAY), "Exited (137) 5 seconds ago"),
        (State(Status.REMOVING), "Removal In Progress"),
        (State(Status.DEAD), "Dead"),
    ],
)
def test_the_status_text_says_what_and_since_when(state: State, text: str) -> None:
    assert status_text(state, DAY + 5 * SECOND) == text
