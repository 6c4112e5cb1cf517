from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.container import restart_policy, state
from restd.container.restart_policy import (
    FIRST_PAUSE,
    GOOD_RUN,
    LONGEST_PAUSE,
    NAMES,
    pause_after,
    pause_before_restart,
    starts_with_daemon,
    users_doing,
)
from restd.errors import InvalidParameter
from restd.model.container import Container, HostConfig, RestartPolicy, State, Status
from tests.unit.restd.container import sample

SECOND = 1_000_000_000
POLICIES = st.builds(RestartPolicy, st.sampled_from(NAMES), st.just(0)) | st.builds(
    RestartPolicy, st.just("on-failure"), st.integers(0, 5)
)


def ended(policy: RestartPolicy, code: int = 0, ran: int = SECOND, **changes: object) -> Container:
    over = State(status=Status.EXITED, exit_code=code, started_at=5, finished_at=5 + ran)
    made = sample.container(host_config=HostConfig(restart_policy=policy), state=over)
    return replace(made, **changes)  # type: ignore[arg-type]  # the test's own names


def life(policy: RestartPolicy, codes: list[int], ran: int = SECOND) -> list[int]:
    """The pauses between the runs of a container whose runs end with `codes`, until it is not restarted any more."""
    pauses: list[int] = []
    container = ended(policy)
    for code in codes:
        run = state.begun(container, 7, 5)
        container = replace(run, state=state.exited(run.state, code, 5 + ran))
        pause = pause_before_restart(container)
        if pause is None:
            break
        pauses.append(pause)
        container = replace(
            container,
            state=state.restarting(container.state),
            restart_count=container.restart_count + 1,
            restart_pause=pause,
        )
    return pauses


def test_pauses_double_from_a_tenth_of_a_second_to_a_minute() -> None:
    pauses = [pause / SECOND for pause in life(RestartPolicy("always"), [0] * 13)]
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60, 60, 60]


def test_a_good_run_makes_the_pause_short_again() -> None:
    assert life(RestartPolicy("always"), [1] * 3, ran=GOOD_RUN) == [FIRST_PAUSE] * 3


@given(st.integers(0, 2 * LONGEST_PAUSE), st.integers(0, 3 * GOOD_RUN))
def test_a_pause_is_never_shorter_than_the_first_or_longer_than_the_longest(last: int, ran: int) -> None:
    pause = pause_after(last, ran)
    assert min(FIRST_PAUSE, 2 * last or FIRST_PAUSE) <= pause <= LONGEST_PAUSE
    if ran >= GOOD_RUN:
        assert pause == FIRST_PAUSE


@given(st.integers(1, 6), st.lists(st.integers(0, 255), max_size=12))
def test_failures_are_restarted_as_often_as_allowed_and_not_after_a_success(limit: int, codes: list[int]) -> None:
    failures = codes.index(0) if 0 in codes else len(codes)
    assert len(life(RestartPolicy("on-failure", limit), codes)) == min(failures, limit)
    assert len(life(RestartPolicy("on-failure"), codes)) == failures


@pytest.mark.parametrize(
    ("name", "code", "rebooted", "again"),
    [
        ("no", 1, False, False),
        ("", 1, False, False),
        ("no", 255, True, False),
        ("always", 0, False, True),
        ("unless-stopped", 0, False, True),
        ("on-failure", 0, False, False),
        ("on-failure", 137, False, True),
        ("on-reboot", 1, False, False),
        ("on-reboot", 129, False, True),
        ("on-reboot", 255, True, True),
        ("on-failure", 255, True, True),
    ],
)
def test_which_ends_are_followed_by_a_restart(name: str, code: int, rebooted: bool, again: bool) -> None:
    pause = pause_before_restart(ended(RestartPolicy(name), code), rebooted=rebooted)
    assert (pause is not None) == again


@given(POLICIES, st.integers(0, 255), st.booleans())
def test_what_a_user_has_ended_is_not_restarted(policy: RestartPolicy, code: int, rebooted: bool) -> None:
    assert pause_before_restart(ended(policy, code, manually_stopped=True), rebooted=rebooted) is None


def test_a_signal_counts_for_a_while() -> None:
    container = ended(RestartPolicy("always"))
    assert not users_doing(container, 10)
    assert users_doing(replace(container, manually_stopped=True), 10)
    signalled = replace(container, signalled_at=100 * SECOND)
    assert users_doing(signalled, 101 * SECOND) and users_doing(signalled, 99 * SECOND)
    assert not users_doing(signalled, 110 * SECOND)


@pytest.mark.parametrize(
    ("name", "stopped", "starts"),
    [
        ("always", False, True),
        ("always", True, True),
        ("unless-stopped", False, True),
        ("unless-stopped", True, False),
        ("on-failure", False, False),
        ("on-failure", True, False),
        ("on-reboot", False, False),
        ("no", False, False),
    ],
)
def test_what_starts_with_the_daemon(name: str, stopped: bool, starts: bool) -> None:
    container = ended(RestartPolicy(name), 1, manually_stopped=stopped)
    assert starts_with_daemon(container) == starts
    assert not starts_with_daemon(replace(container, state=State()))


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (RestartPolicy("sometimes"), "unknown policy 'sometimes'; use one of 'no', 'always', 'on-failure', "),
        (RestartPolicy("always", 3), "maximum retry count can only be used with 'on-failure'"),
        (RestartPolicy("on-reboot", -1), "can only be used with 'on-failure' and cannot be negative"),
        (RestartPolicy("on-failure", -1), "maximum retry count cannot be negative"),
    ],
)
def test_policies_that_there_are_not(policy: RestartPolicy, words: str) -> None:
    with pytest.raises(InvalidParameter, match="invalid restart policy") as caught:
        restart_policy.check(policy)
    assert words in str(caught.value)


@given(POLICIES)
def test_policies_that_there_are(policy: RestartPolicy) -> None:
    restart_policy.check(policy)
    assert restart_policy.is_none(policy) == (policy.name == "no")
