"""The whole life of a container on one page: the moves that are legal, and what each illegal one is told.

                          ┌──exit, restart policy──> restarting ──pause over──> running
                          │                              │
                          │            stop, failed start│
                          │                              v
    created ──start──> running ──exit──────────────────> exited ──start──> running
       │                │   ^                              │
       │           pause│   │unpause                       │
       │                v   │                              │
       │               paused ──exit (or as above)─────────┤
       │                                   │
       └──────────remove──> removing <─remove (a dead one too)
                               │
                               └─ could not be finished ──> dead

`restarting` is the pause between an exit and a start that a restart policy asked for: nothing runs, but Docker counts
it as running. Functions here are pure: a `check_` raises the error that Docker gives (409 unless said otherwise), the
others return the next State. Texts are those of the Docker Engine 28.
"""

from __future__ import annotations

from dataclasses import replace

from restd.errors import Conflict, NotModified
from restd.model.container import Container, State, Status
from restd.model.health import Health

UNKNOWN_EXIT = 255


def check_start(container: Container) -> None:
    """NotModified if it runs already."""
    match container.state.status:
        case Status.RUNNING | Status.RESTARTING:
            raise NotModified(f"container {container.id} is already running")
        case Status.PAUSED:
            raise Conflict("cannot start a paused container, try unpause instead")
        case Status.REMOVING:
            raise Conflict("container is marked for removal and cannot be started")
        case Status.DEAD:
            raise Conflict("container is dead and cannot be started; remove it")


def check_stop(container: Container) -> None:
    """NotModified if it does not run."""
    if not container.state.running:
        raise NotModified(f"container {container.id} is already stopped")


def check_kill(container: Container, reference: str) -> None:
    """A signal needs a running process; a paused one takes it when it is thawed; a pending restart is called off."""
    if not container.state.running:
        raise Conflict(f"cannot kill container: {reference}: container {container.id} is not running")


def check_running(container: Container) -> None:
    """For what needs a running process and has no words of its own."""
    match container.state.status:
        case Status.RUNNING | Status.PAUSED:
            return
        case Status.RESTARTING:
            raise Conflict(f"Container {container.id} is restarting, wait until the container is running")
        case _:
            raise Conflict(f"container {container.id} is not running")


def check_pause(container: Container) -> None:
    """Only what runs can be paused."""
    check_running(container)
    if container.state.status is Status.PAUSED:
        raise Conflict(f"Container {container.id} is already paused")


def check_unpause(container: Container) -> None:
    """Only what is paused can go on."""
    if container.state.status is not Status.PAUSED:
        raise Conflict(f"Container {container.id} is not paused")


def check_remove(container: Container, reference: str, *, force: bool) -> None:
    """A removal needs `force` while something runs; there is never a second one."""
    match container.state.status:
        case Status.REMOVING:
            raise Conflict(f"removal of container {reference} is already in progress")
        case Status.PAUSED if not force:
            raise Conflict(f'cannot remove container "{reference}": container is paused and must be unpaused first')
        case Status.RUNNING | Status.RESTARTING if not force:
            raise Conflict(
                f'cannot remove container "{reference}": container is {container.state.status}: '
                "stop the container before removing or force remove"
            )


def check_rename(container: Container) -> None:
    """What is going away keeps its name."""
    if container.state.status in (Status.REMOVING, Status.DEAD):
        raise Conflict(f"Container {container.id} is marked for removal and cannot be renamed")


def running(pid: int, at: int, health: Health | None = None) -> State:
    """The state after a start at `at` (ns); what an earlier run left is forgotten, but for `health`."""
    return State(status=Status.RUNNING, pid=pid, started_at=at, health=health)


def begun(container: Container, pid: int, at: int) -> Container:
    """The container after a start. One that somebody asked for begins a new count of restarts."""
    again = container.state.status is Status.RESTARTING
    return replace(
        container,
        state=running(pid, at, container.state.health),
        manually_stopped=False,
        signalled_at=0,
        restart_count=container.restart_count if again else 0,
        restart_pause=container.restart_pause if again else 0,
    )


def start_failed(state: State, exit_code: int, error: str) -> State:
    """A start failed: the container is as before it, with the reason and the exit code that a shell would give.

    If a restart policy wanted the start it gives up, and the exit code stays that of the last run.
    """
    if state.status is Status.RESTARTING:
        return replace(called_off(state), error=error)
    return replace(state, pid=0, exit_code=exit_code, error=error)


def restarting(state: State) -> State:
    """The process has ended, and will be started again after a pause."""
    return replace(state, status=Status.RESTARTING)


def called_off(state: State) -> State:
    """It won't be started again after all."""
    return replace(state, status=Status.EXITED)


def paused(state: State) -> State:
    """All processes frozen."""
    return replace(state, status=Status.PAUSED)


def unpaused(state: State) -> State:
    """All processes thawed."""
    return replace(state, status=Status.RUNNING)


def exited(state: State, exit_code: int | None, at: int, *, oom: bool = False, unknown: str = "") -> State:
    """The process ended at `at` (ns). `exit_code` None: nobody saw how, and `unknown` says why."""
    return replace(
        state,
        status=Status.EXITED,
        pid=0,
        exit_code=UNKNOWN_EXIT if exit_code is None else exit_code,
        exit_unknown=exit_code is None,
        error=(unknown or "the exit code is not known") if exit_code is None else "",
        finished_at=at,
        oom_killed=oom or state.oom_killed,
    )


def removing(state: State) -> State:
    """A removal has begun."""
    return replace(state, status=Status.REMOVING)


def dead(state: State, error: str) -> State:
    """A removal could not be finished, or the container can't be read: only another removal helps."""
    return replace(state, status=Status.DEAD, pid=0, error=error)
