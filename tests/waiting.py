"""Waiting for a condition: the only way a test here waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], limit: float = 10.0, what: str = "") -> T:
    """Poll `condition` until it is true and return its value; AssertionError after `limit` seconds."""
    end = time.monotonic() + limit
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit:g} s: {what or condition}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
