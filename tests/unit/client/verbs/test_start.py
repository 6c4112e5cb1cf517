from __future__ import annotations

import pytest

from tests.unit.client.fake_engine import FakeEngine, frame, stream


def test_containers_are_started(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({"POST /containers/a/start": (204, None), "POST /containers/b/start": (304, None)}) as fake:
        assert fake.run("start", "a", "b") == 0
    assert capfd.readouterr().out == "a\nb\n"


def test_attached_it_shows_the_output_and_returns_the_code(capfd: pytest.CaptureFixture[str]) -> None:
    about = {"Id": "i1", "Config": {"Tty": False, "OpenStdin": False}, "HostConfig": {"AutoRemove": False}}
    with FakeEngine(
        {
            "GET /containers/a/json": (200, about),
            "POST /containers/i1/attach": stream(frame(1, b"hello\n")),
            "POST /containers/i1/wait": (200, {"StatusCode": 3}),
            "POST /containers/i1/start": (204, None),
        }
    ) as fake:
        assert fake.run("start", "-a", "a") == 3
        assert fake.lines()[2:] == ["POST /containers/i1/wait?condition=next-exit", "POST /containers/i1/start"]
    assert capfd.readouterr().out == "hello\n"


def test_only_one_can_be_attached(capfd: pytest.CaptureFixture[str]) -> None:
    with FakeEngine({}) as fake:
        assert fake.run("start", "-a", "a", "b") == 1
    assert "cannot start and attach multiple" in capfd.readouterr().err
