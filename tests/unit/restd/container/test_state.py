from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.container import state
from restd.errors import Conflict, EngineError, NotModified
from restd.model.container import Container, State, Status
from tests.unit.restd.container.sample import ID, container

Check = Callable[[Container], None]
CHECKS: dict[str, Check] = {
    "start": state.check_start,
    "stop": state.check_stop,
    "kill": lambda it: state.check_kill(it, "box"),
    "pause": state.check_pause,
    "unpause": state.check_unpause,
    "remove": lambda it: state.check_remove(it, "box", force=False),
    "rename": state.check_rename,
}
LEGAL = {
    "start": {Status.CREATED, Status.EXITED},
    "stop": {Status.RUNNING, Status.PAUSED, Status.RESTARTING},
    "kill": {Status.RUNNING, Status.PAUSED, Status.RESTARTING},
    "pause": {Status.RUNNING},
    "unpause": {Status.PAUSED},
    "remove": {Status.CREATED, Status.EXITED, Status.DEAD},
    "rename": set(Status) - {Status.REMOVING, Status.DEAD},
}


@pytest.mark.parametrize("verb", CHECKS)
@pytest.mark.parametrize("status", list(Status))
def test_only_the_legal_moves_pass(verb: str, status: Status) -> None:
    try:
        CHECKS[verb](container(status))
        assert status in LEGAL[verb]
    except EngineError as error:
        assert status not in LEGAL[verb]
        assert str(error)


@pytest.mark.parametrize(
    ("verb", "status", "kind", "text"),
    [
        ("start", Status.RUNNING, NotModified, "already running"),
        ("start", Status.PAUSED, Conflict, "cannot start a paused container, try unpause instead"),
        ("stop", Status.EXITED, NotModified, "already stopped"),
        ("kill", Status.EXITED, Conflict, f"cannot kill container: box: container {ID} is not running"),
        ("pause", Status.EXITED, Conflict, f"container {ID} is not running"),
        ("pause", Status.PAUSED, Conflict, f"Container {ID} is already paused"),
        ("unpause", Status.RUNNING, Conflict, f"Container {ID} is not paused"),
        ("remove", Status.REMOVING, Conflict, "removal of container box is already in progress"),
        (
            "remove",
            Status.RUNNING,
            Conflict,
            'cannot remove container "box": container is running: stop the container before removing or force remove',
        ),
        (
            "remove",
            Status.PAUSED,
            Conflict,
            'cannot remove container "box": container is paused and must be unpaused first',
        ),
    ],
)
def test_illegal_moves_are_told_in_dockers_words(verb: str, status: Status, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as caught:
        CHECKS[verb](container(status))
    assert text in str(caught.value)


def test_force_removes_what_runs_but_never_twice() -> None:
    state.check_remove(container(Status.RUNNING), "box", force=True)
    with pytest.raises(Conflict, match="already in progress"):
        state.check_remove(container(Status.REMOVING), "box", force=True)


def test_an_unseen_exit_is_never_a_zero() -> None:
    moved = state.exited(state.running(7, 1), None, 5, unknown="the shim died")
    assert (moved.exit_code, moved.exit_unknown, moved.error, moved.pid) == (255, True, "the shim died", 0)


def test_a_start_forgets_what_an_earlier_run_left() -> None:
    assert state.running(7, 9) == State(status=Status.RUNNING, pid=7, started_at=9)


def test_a_failed_start_leaves_the_container_where_it_was() -> None:
    failed = state.start_failed(State(), 127, "no such file")
    assert (failed.status, failed.exit_code, failed.error) == (Status.CREATED, 127, "no such file")


def test_a_failed_restart_by_the_policy_ends_it_with_the_last_runs_code() -> None:
    failed = state.start_failed(State(Status.RESTARTING, exit_code=5), 127, "no such file")
    assert (failed.status, failed.exit_code, failed.error) == (Status.EXITED, 5, "no such file")


def test_a_start_by_hand_begins_a_new_count_and_one_by_the_policy_does_not() -> None:
    left = container(Status.EXITED, restart_count=3, restart_pause=9, manually_stopped=True, signalled_at=4)
    by_hand = state.begun(left, 7, 1)
    assert (by_hand.restart_count, by_hand.restart_pause, by_hand.manually_stopped, by_hand.signalled_at) == (
        0, 0, False, 0,
    )  # fmt: skip
    again = state.begun(container(Status.RESTARTING, restart_count=3, restart_pause=9), 7, 1)
    assert (again.restart_count, again.restart_pause, again.state.status) == (3, 9, Status.RUNNING)


@given(st.lists(st.sampled_from(["run", "pause", "unpause", "exit"])))
def test_a_pid_is_shown_exactly_while_something_runs(moves: list[str]) -> None:
    now = State()
    for move in moves:
        if move == "run" and not now.running:
            now = state.running(7, 1)
        elif move == "pause" and now.status is Status.RUNNING:
            now = state.paused(now)
        elif move == "unpause" and now.status is Status.PAUSED:
            now = state.unpaused(now)
        elif move == "exit" and now.running:
            now = state.exited(now, 3, 2)
        assert (now.pid != 0) == now.running
