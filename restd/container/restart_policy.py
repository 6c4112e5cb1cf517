"""Whether a container that has ended is started again, and after which pause; pure.

The policies are Docker's, and iSulad's `on-reboot`:

    no               never
    always           after every end; and whenever the daemon starts, although it was stopped by hand
    unless-stopped   the same, but what was stopped by hand stays so over the daemon's start
    on-failure[:N]   after an exit code other than 0, at most N times one after the other
    on-reboot        when the container rebooted itself (exit code 129), or the host under it

An end that a user asked for (stop, kill, restart, rm) is never followed by a restart. The pause is 100 ms, doubles with
each restart up to a minute, and is 100 ms again after a run of 10 s. A policy begins with the first start that works; a
restart that fails ends it until somebody, or the daemon's start, starts the container.

Sources: Docker Engine, "Start containers automatically"; its restart manager as seen from outside; reboot(2) on PID
namespaces: init ends by SIGHUP.
"""

from __future__ import annotations

from restd.errors import InvalidParameter
from restd.model.container import Container, RestartPolicy

FIRST_PAUSE = 100_000_000
LONGEST_PAUSE = 60_000_000_000
GOOD_RUN = 10_000_000_000
"""A run of so many nanoseconds makes the next pause the first again."""
REBOOTED = 129
SIGNAL_COUNTS = 10_000_000_000
"""An end within so many nanoseconds of a user's signal is the user's doing, whatever the signal.

Docker takes every end after any signal for one, also a crash days after a HUP that only reloaded something.
"""
NAMES = ("no", "always", "on-failure", "unless-stopped", "on-reboot")


def check(policy: RestartPolicy) -> None:
    """InvalidParameter, in Docker's words, for a policy that there is not."""
    if policy.name not in ("", *NAMES):
        *others, last = (f"'{name}'" for name in NAMES)
        raise InvalidParameter(
            f"invalid restart policy: unknown policy '{policy.name}'; use one of {', '.join(others)}, or {last}"
        )
    if policy.maximum_retry_count and policy.name not in ("", "on-failure"):
        negative = " and cannot be negative" if policy.maximum_retry_count < 0 else ""
        raise InvalidParameter(
            f"invalid restart policy: maximum retry count can only be used with 'on-failure'{negative}"
        )
    if policy.maximum_retry_count < 0:
        raise InvalidParameter("invalid restart policy: maximum retry count cannot be negative")


def is_none(policy: RestartPolicy) -> bool:
    """Whether it never restarts anything."""
    return policy.name in ("", "no")


def users_doing(container: Container, at: int) -> bool:
    """Whether an end at `at` (ns) is one that a user asked for."""
    return container.manually_stopped or (container.signalled_at != 0 and at - container.signalled_at < SIGNAL_COUNTS)


def pause_after(last: int, ran: int) -> int:
    """The pause before the next restart: `last` is the one before, 0 for none; `ran` is how long it has run since."""
    if last == 0 or ran >= GOOD_RUN:
        return FIRST_PAUSE
    return min(2 * last, LONGEST_PAUSE)


def pause_before_restart(ended: Container, *, rebooted: bool = False) -> int | None:
    """The pause (ns) after which a container that has just ended is to be started again; None if it is not.

    `rebooted`: it ended because the host did.
    """
    state = ended.state
    if ended.manually_stopped or not _wanted(ended, rebooted=rebooted):
        return None
    return pause_after(ended.restart_pause, state.finished_at - state.started_at)


def _wanted(ended: Container, *, rebooted: bool) -> bool:
    policy, code = ended.host_config.restart_policy, ended.state.exit_code
    match policy.name:
        case "always" | "unless-stopped":
            return True
        case "on-failure":
            limit = policy.maximum_retry_count
            return code != 0 and (limit == 0 or ended.restart_count < limit)
        case "on-reboot":
            return rebooted or code == REBOOTED
    return False


def starts_with_daemon(container: Container) -> bool:
    """Whether a container that does not run is started when the daemon starts.

    What ended while no daemon was there is no case of this: its policy is applied to that end. Docker also starts here
    what has `on-failure` and was stopped by hand, which its manual rules out and nobody wants.
    """
    if container.state.started_at == 0:
        return False
    policy = container.host_config.restart_policy
    return policy.name == "always" or (policy.name == "unless-stopped" and not container.manually_stopped)
