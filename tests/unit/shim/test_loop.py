"""The event loop: readiness, timers, and handlers that fail."""

from __future__ import annotations

import os

from shim.loop import READ, Loop


def test_timers_fire_in_order_and_a_cancelled_one_does_not() -> None:
    loop = Loop(_fail)
    seen: list[str] = []

    def second() -> None:
        seen.append("second")
        loop.stop()

    loop.later(0.002, second)
    loop.later(0.001, lambda: seen.append("first"))
    loop.later(0.0, lambda: seen.append("never")).cancel()
    loop.run()
    loop.close()
    assert seen == ["first", "second"]


def test_a_failing_handler_is_reported_and_the_loop_goes_on() -> None:
    errors: list[Exception] = []
    loop = Loop(errors.append)
    reader, writer = os.pipe()

    def ready(_mask: int) -> None:
        if os.read(reader, 1) == b"a":
            raise ValueError("bad client")
        loop.stop()

    loop.watch(reader, READ, ready)
    os.write(writer, b"ab")
    loop.run()
    assert [str(error) for error in errors] == ["bad client"]
    loop.forget(reader)
    loop.forget(reader)
    assert not loop.watched(reader)
    loop.close()
    os.close(reader)
    os.close(writer)


def _fail(error: Exception) -> None:
    raise error
