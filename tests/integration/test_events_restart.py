"""Events over the daemon's end: nobody who asks with `since` misses one or gets one twice."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from typing import Any

import pytest

from tests.calls import Refused
from tests.engine import Engine, tree
from tests.waiting import wait_until

pytestmark = [pytest.mark.root]

WAYS = ["stop", "kill", "reload"]


def replace_daemon(engine: Engine, way: str) -> None:
    """One daemon after the other."""
    assert engine.process is not None
    if way == "reload":
        worker = tree(engine.process.pid)[1]
        engine.process.send_signal(signal.SIGHUP)
        wait_until(lambda: worker not in tree(engine.process.pid if engine.process else 0), 20)
        return
    if way == "stop":
        engine.stop_daemon()
    else:
        engine.kill_daemon()
    engine.start_daemon()


def moment(nanoseconds: int) -> str:
    return f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09d}"


def past(engine: Engine, since: int = 1) -> list[dict[str, Any]]:
    return list(engine.events(since=moment(since), until=moment(time.time_ns())))


@pytest.mark.parametrize("way", WAYS)
def test_what_happened_before_is_still_told_word_for_word(fresh_engine: Engine, way: str) -> None:
    fresh_engine.run(["true"], Labels={"who": "me", "text": "ä\n"})
    before = past(fresh_engine)
    assert {"create", "start", "die", "destroy", "load"} <= {event["Action"] for event in before}
    replace_daemon(fresh_engine, way)
    fresh_engine.create(["true"], name="later")
    after = past(fresh_engine)
    assert after[: len(before)] == before
    assert after[-1]["Actor"]["Attributes"]["name"] == "later"
    times = [event["timeNano"] for event in after]
    assert times == sorted(set(times))


def churn(engine: Engine, done: threading.Event) -> None:
    """Create and remove; the daemon may be away."""
    while not done.is_set():
        with contextlib.suppress(OSError, EOFError, Refused):
            engine.remove(engine.create(["true"]))


def test_who_follows_from_where_the_stream_ended_sees_each_event_once(fresh_engine: Engine) -> None:
    done = threading.Event()
    seen: list[dict[str, Any]] = []

    def follow() -> None:
        since = 1
        while not done.is_set():
            with contextlib.suppress(OSError, EOFError):
                for event in fresh_engine.events(since=moment(since)):
                    seen.append(event)
                    since = event["timeNano"] + 1

    threads = [
        threading.Thread(target=follow),
        *(threading.Thread(target=churn, args=(fresh_engine, done)) for _ in "ab"),
    ]
    for thread in threads:
        thread.start()
    try:
        for way in WAYS * 2:
            count = len(seen)
            wait_until(lambda: len(seen) > count + 20, 20, "events come")  # noqa: B023
            replace_daemon(fresh_engine, way)
    finally:
        done.set()
        for thread in threads[1:]:
            thread.join(30)
    told = past(fresh_engine)
    assert len(told) >= 120
    wait_until(lambda: seen[-1:] == told[-1:], 10, "the follower has the last event")
    fresh_engine.stop_daemon()  # ends the follower
    threads[0].join(30)
    wanted = [event for event in seen if event["timeNano"] >= told[0]["timeNano"]]
    assert wanted == told
