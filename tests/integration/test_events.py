"""Events: names, attributes, filters, times."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.calls import encode
from tests.engine import Engine
from tests.wire import request

pytestmark = [pytest.mark.root, pytest.mark.peer]


def between(engine: Engine, since: float, **filters: Any) -> list[dict[str, Any]]:
    """Events from `since` until now."""
    query = {"since": f"{since:.9f}", "until": f"{time.time():.9f}", "filters": filters}
    body = engine.call("GET", "/events" + encode(query)).body
    return [json.loads(line) for line in body.splitlines()]


def actions(events: list[dict[str, Any]]) -> list[str]:
    return [event["Action"] for event in events if event["Type"] == "container"]


def test_a_containers_life(engine: Engine, runtime: str) -> None:
    begun = time.time()
    container = engine.create(["sh", "-c", "exit 3"], name="lived", Labels={"who": "me"})
    engine.start(container)
    engine.wait(container)
    engine.post(f"/containers/{container}/rename", name="renamed")
    engine.remove(container)
    events = between(engine, begun, type=["container"])
    assert actions(events) == ["create", "start", "die", "rename", "destroy"]
    for event in events:
        assert event["Actor"]["ID"] == event["id"] == container
        assert event["status"] == event["Action"]
        assert event["from"] == event["Actor"]["Attributes"]["image"] == "busybox:latest"
        assert event["scope"] == "local"
        assert event["Actor"]["Attributes"]["who"] == "me"
        assert event["timeNano"] // 10**9 == event["time"]
    assert events[2]["Actor"]["Attributes"]["exitCode"] == "3"
    assert events[2]["Actor"]["Attributes"]["name"] == "lived"
    assert events[3]["Actor"]["Attributes"]["oldName"] == "/lived"
    assert [event["timeNano"] for event in events] == sorted(event["timeNano"] for event in events)


def test_stop_kill_and_restart(engine: Engine, runtime: str) -> None:
    container = engine.running(StopSignal="KILL")
    begun = time.time()
    engine.post(f"/containers/{container}/stop")
    engine.wait(container)
    stopped = between(engine, begun, container=[container])
    assert sorted(actions(stopped)) == ["die", "kill", "stop"]
    assert next(e for e in stopped if e["Action"] == "kill")["Actor"]["Attributes"]["signal"] == "9"
    begun = time.time()
    engine.post(f"/containers/{container}/restart", t=0)
    assert sorted(actions(between(engine, begun, container=[container]))) == ["restart", "start"]


def test_exec(engine: Engine) -> None:
    container = engine.running()
    begun = time.time()
    engine.exec(container, ["sh", "-c", "exit 4"])

    found = between(engine, begun, container=[container])
    assert actions(found) == ["exec_create: sh -c exit 4", "exec_start: sh -c exit 4", "exec_die"]
    assert found[2]["Actor"]["Attributes"]["exitCode"] == "4"
    assert len({event["Actor"]["Attributes"]["execID"] for event in found}) == 1


def test_attach_resize_and_top(engine: Engine) -> None:
    container = engine.running(Tty=True)
    begun = time.time()
    engine.attach(container, stream=1, stdout=1).close()
    engine.post(f"/containers/{container}/resize", h=20, w=30)
    engine.get(f"/containers/{container}/top")
    found = between(engine, begun, container=[container])
    assert actions(found) == ["attach", "resize", "top"]
    assert found[1]["Actor"]["Attributes"]["height"] == "20"
    assert found[1]["Actor"]["Attributes"]["width"] == "30"


def test_images(engine: Engine, busybox_archive: str) -> None:
    begun = time.time()
    engine.load_image(busybox_archive)
    engine.post("/images/busybox/tag", repo="other", tag="v1")
    engine.delete("/images/other:v1")
    found = [event for event in between(engine, begun) if event["Type"] == "image"]
    assert [event["Action"] for event in found] == ["load", "tag", "untag"]
    assert found[1]["Actor"]["Attributes"]["name"] == "other:v1"


def test_filters(engine: Engine) -> None:
    begun = time.time()
    first = engine.create(["true"], name="first", Labels={"a": "1"})
    second = engine.create(["true"], name="second", Labels={"a": "2"})
    queries: list[dict[str, Any]] = [
        {"container": ["first"]},
        {"container": [first]},
        {"label": ["a=1"]},
        {"container": {"first": True}},
    ]
    for filters in queries:
        found = between(engine, begun, **filters)
        assert [event["id"] for event in found] == [first], filters
    assert {event["id"] for event in between(engine, begun, event=["create"])} == {first, second}
    assert between(engine, begun, event=["destroy"]) == []
    assert between(engine, begun, type=["image"]) == []
    assert {event["id"] for event in between(engine, begun, image=["busybox"])} <= {first, second}


def test_the_head_means_that_nothing_is_missed_from_here(engine: Engine) -> None:
    for _ in range(10):
        with engine.wire() as wire:
            wire.send(request("GET", "/events?filters=" + '{"event":{"create":true}}'.replace('"', "%22")))
            head = wire.head()
            assert head.headers["content-type"] == "application/json"
            assert head.headers["transfer-encoding"] == "chunked"
            container = engine.create(["true"])
            assert json.loads(next(wire.chunks()))["id"] == container


def test_until_in_the_future_ends_then(engine: Engine) -> None:
    begun = time.time()
    engine.call("GET", f"/events?until={begun + 1.2:.3f}")
    assert 1.0 < time.time() - begun < 6


@pytest.mark.ours("20.10 takes any pair")
def test_until_before_since(engine: Engine) -> None:
    assert engine.ask("GET", "/events?since=100&until=50").status == 400


@pytest.mark.ours("20.10 ignores it")
def test_a_filter_that_does_not_exist(engine: Engine) -> None:
    reply = engine.ask("GET", '/events?filters={"nosuch":["x"]}'.replace('"', "%22"))
    assert reply.status == 400
    assert "nosuch" in reply.message
