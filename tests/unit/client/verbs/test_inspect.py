from __future__ import annotations

import json

import pytest

from tests.unit.client.fake_engine import Answer, FakeEngine

MISSING: Answer = (404, {"message": "No such container: box"})


def test_containers_come_before_images(capfd: pytest.CaptureFixture[str]) -> None:
    answers: dict[str, Answer | list[Answer]] = {
        "GET /containers/web/json": (200, {"Id": "1", "State": {"Status": "running"}}),
        "GET /containers/box/json": MISSING,
        "GET /images/box/json": (200, {"Id": "2"}),
    }
    with FakeEngine(answers) as fake:
        assert fake.run("inspect", "web", "box") == 0
        assert fake.run("inspect", "-f", "{{.State.Status}}", "web") == 0
    out = capfd.readouterr().out
    assert out.startswith('[\n    {\n        "Id": "1",')
    assert json.loads(out.rpartition("]")[0] + "]") == [{"Id": "1", "State": {"Status": "running"}}, {"Id": "2"}]
    assert out.endswith("]\nrunning\n")


def test_what_was_found_is_printed_before_the_error(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"GET /containers/web/json": (200, {})}) as fake:
        assert fake.run("inspect", "web", "nope") == 1
    out, err = capfd.readouterr()
    assert (json.loads(out), err) == ([{}], "Error: No such object: nope\n")


def test_one_kind_can_be_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"GET /images/box/json": (200, {}), "GET /containers/box/json": MISSING}) as fake:
        assert fake.run("inspect", "--type", "image", "box") == 0
        assert fake.run("inspect", "--type", "container", "-s", "box") == 1
        assert fake.lines() == ["GET /images/box/json", "GET /containers/box/json?size=1"]
        assert fake.run("inspect", "--type", "planet", "box") == 125
    assert "Error response from daemon: No such container: box" in capfd.readouterr().err
