"""Whether a health check, the image's merged in, makes sense. Texts are Docker's where it has any."""

from __future__ import annotations

from collections.abc import Iterator

from restd.container.health import KINDS
from restd.errors import InvalidParameter
from restd.model.container import Config
from restd.model.health import Healthcheck

_LEAST = 1_000_000
"""Nanoseconds: shorter times are a client's mistake with the unit."""
_MOST = (1 << 63) - 1


def check_health(config: Config) -> None:
    """InvalidParameter for the first field that is wrong."""
    check = config.healthcheck
    if check is None:
        return
    _check_types(check)
    for value, name in ((check.interval, "Interval"), (check.timeout, "Timeout")):
        _check_time(value, name)
    if check.retries < 0:
        raise InvalidParameter("Retries in Healthcheck cannot be negative")
    for value, name in ((check.start_period, "StartPeriod"), (check.start_interval, "StartInterval")):
        _check_time(value, name)
    if check.test and check.test[0] == "CMD" and not (len(check.test) > 1 and check.test[1]):
        raise InvalidParameter("Test in Healthcheck has no command after CMD")
    if any("\0" in word for word in check.test or ()):
        raise InvalidParameter("Test in Healthcheck can't contain a null byte")


def health_warnings(config: Config) -> Iterator[str]:
    """What is no error for Docker, although nothing will be probed."""
    check = config.healthcheck
    if check is not None and check.test and check.test[0] not in KINDS:
        yield (
            f"Unknown healthcheck type '{check.test[0][:64]}' (expected 'CMD', 'CMD-SHELL' or 'NONE'): "
            "the container's health is not checked"
        )


def _check_types(check: Healthcheck) -> None:
    """The request's own fields have been read by a schema; an image's are what its maker wrote."""
    times = (check.interval, check.timeout, check.start_period, check.start_interval, check.retries)
    if not all(type(value) is int and abs(value) <= _MOST for value in times):
        raise InvalidParameter("the image's Healthcheck has a time or number that is no whole number")
    if check.test is not None and not all(isinstance(word, str) for word in check.test):
        raise InvalidParameter("the image's Healthcheck has a Test that is no list of strings")


def _check_time(value: int, name: str) -> None:
    if value != 0 and value < _LEAST:
        raise InvalidParameter(f"{name} in Healthcheck cannot be less than 1ms")
